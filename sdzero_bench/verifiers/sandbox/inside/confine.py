"""What a process gives up for good before it does anything else: resources, capabilities, system calls."""

from __future__ import annotations

import ctypes
import os
import resource

TYPE_CHECKING = False  # as `typing` has it, which takes as long to import as Python to start
if TYPE_CHECKING:
    from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL = 9
OWN_PID = 0x5D2E5D2E
"""Stands in a filter for the number of the process that installs it, which nobody knows before it is there."""

STACK_BYTES = 64 << 20


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def protect_tester() -> None:
    """Closes the tester's memory to the program (no ptrace, no /proc/PID/mem), and makes it the parent of all orphans."""
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:  # it died before it was watched
        os._exit(1)


def drop_capabilities() -> None:
    """For good: with no_new_privs not even executing a file of root's brings one back."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(ctypes.byref(_CapabilityHeader(_CAPABILITY_VERSION_3, 0)), nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def confine(limits: dict[str, Any], cpu_seconds: float, filter_bytes: bytes) -> None:
    """For the process that becomes the program. `limits` as in limits.py, in bytes and seconds."""
    for name, most in (
        (resource.RLIMIT_CPU, int(cpu_seconds) + 2),  # whole seconds only; the tester watches closer
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_STACK, STACK_BYTES),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_NPROC, limits["processes"]),
    ):
        hard = resource.getrlimit(name)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (bound, bound))
    die_with_parent()
    drop_capabilities()
    if filter_bytes:
        own = filter_bytes.replace(OWN_PID.to_bytes(4, "little"), os.getpid().to_bytes(4, "little"))
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(_Program(len(own) // 8, own)))


def _prctl(option: int, value: int, pointer: Any = None) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), pointer or zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
