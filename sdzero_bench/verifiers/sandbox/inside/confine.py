"""Restrict a process irrevocably, before it does anything else: resources, capabilities, system calls."""

from __future__ import annotations

import ctypes
import os
import resource

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from sdzero_bench.verifiers.sandbox.limits import LimitsInForce

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL = 9
OWN_PID = 0x5D2E5D2E
"""Placeholder in a filter for the PID of the process that installs it, which is not known in advance."""

STACK_BYTES = 64 << 20
_FOR_STACKS = 640 << 20
"""Address space that a Python program may add for large stacks of threads (starting.py)."""
_INTERPRETER_STACK = 8 << 20
_FOR_INTERPRETER = 192 << 20
"""Of an interpreter's own memory, with the stacks of its threads."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def protect_tester() -> None:
    """Protect the tester's memory from the program (no ptrace, no /proc/PID/mem), and make the tester adopt orphans."""
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies."""
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:  # the parent died before prctl took effect
        os._exit(1)


def drop_capabilities() -> None:
    """Irrevocably: with no_new_privs, not even executing a setuid file restores them."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(ctypes.byref(_CapabilityHeader(_CAPABILITY_VERSION_3, 0)), nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def confine(limits: LimitsInForce, cpu_seconds: float, filter_bytes: bytes, image: str) -> None:
    """Apply all restrictions to the process that becomes the program.

    image:
        "python"; "binary", whose stack may take all of its memory, as on contest sites; or "interpreter", which may reserve any
        amount of address space, as V8 does, and is limited in what it can write to.
    """
    memory, hard_space = limits["memory"], resource.getrlimit(resource.RLIMIT_AS)[1]
    space = {"python": memory + _FOR_STACKS, "binary": memory, "interpreter": hard_space}[image]
    stack = {"python": max(STACK_BYTES, memory // 2), "binary": memory, "interpreter": _INTERPRETER_STACK}[image]
    if image == "interpreter":
        resource.setrlimit(resource.RLIMIT_DATA, (memory + _FOR_INTERPRETER, memory + _FOR_INTERPRETER))
    for name, most in (
        (resource.RLIMIT_CPU, int(cpu_seconds) + 2),  # whole seconds only; the tester enforces the exact limit
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_STACK, stack),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NPROC, limits["processes"]),
    ):
        hard = resource.getrlimit(name)[1]
        bound = most if hard == resource.RLIM_INFINITY or most == hard else min(most, hard)
        # A program may ask for more stack, as contest sites let it: its memory limit holds all the same.
        resource.setrlimit(name, (bound, hard if name == resource.RLIMIT_STACK else bound))
    if image == "python":
        resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    die_with_parent()
    drop_capabilities()
    if filter_bytes:
        own = filter_bytes.replace(OWN_PID.to_bytes(4, "little"), os.getpid().to_bytes(4, "little"))
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_Program(len(own) // 8, own)))


def _prctl(option: int, value: int, pointer: object = None) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), pointer or zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
