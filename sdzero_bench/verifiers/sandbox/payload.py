"""What is sent into the sandbox: the modules of `inside`, compiled once per process, and jobs."""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal, TypedDict

from sdzero_bench.verifiers.sandbox.inside.codec import encode
from sdzero_bench.verifiers.sandbox.limits import LimitsInForce

_ORDER = (
    "codec watch confine forking stdio scratch pools starting program asking calls {}mounts compiling interpreting main nursery"
)
_ASSERTS = "subclasses mirrors kinds sharing conversing asserts "
"""Each module comes after those it imports. Those for assert scripts import more, and are sent only with such."""

BOOTSTRAP = """
import marshal, os, sys
def take(length):
    parts = []
    while length:
        part = os.read(0, min(length, 1 << 20))
        if not part: sys.exit(3)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
for name, code in marshal.loads(take(int(take(10)))):
    module = sys.modules[name] = type(sys)(name)
    module.__package__, module.__path__ = "inside", []
    exec(code, module.__dict__)
"""
"""marshal is safe here: it is read by the same interpreter, and only ever sent from the host into the sandbox."""
START = BOOTSTRAP + 'sys.modules["inside.main"].main(take)'
"""For one job, which follows on standard input."""
NURSE = BOOTSTRAP + 'sys.modules["inside.nursery"].nurse(take, {scratch})'
"""For many jobs, each of which comes through descriptors of its own; with the size of the scratch directory in bytes."""


class Job(TypedDict):
    """A program, and how to run it. The program's process may see all of this."""

    tier: int
    mode: Literal["stdio", "calls", "asserts"]
    tests: int
    directory: str
    """Where the program runs, empty and writable."""
    scratch: int
    """Size of the writable file system in bytes, for tier 2."""
    source: str
    file_name: str
    limits: LimitsInForce
    filter: bytes
    """The seccomp filter for the program; empty for none. `compile_filter` is the compiler's."""
    compile: list[str]
    run: list[str]
    """The interpreter's command, for a language that is interpreted."""
    prelude: str
    compile_limits: LimitsInForce
    compile_filter: bytes


class HiddenInput(TypedDict):
    """A test of a job in mode "stdio". The tester reads one at a time, so that no program has the next in its memory."""

    input: str


class HiddenCalls(TypedDict):
    """The tests of a job in mode "calls"."""

    function: str
    calls: list[list[object]]


class HiddenAsserts(TypedDict):
    """The tests of a job in mode "asserts"."""

    names: list[str]
    """What the tests use of the program."""
    makes: list[str]
    """Those of them that are classes of which the tests make objects (free_names.py)."""
    modules: list[str]
    """Those of them that are modules of the standard library, whatever the program says that they are."""
    imports: list[str]
    expects_stop: bool
    setup: str
    tests: list[str]


Hidden = HiddenInput | HiddenCalls | HiddenAsserts


@cache
def modules(asserts: bool) -> bytes:
    """The compiled modules of `inside`, after their length."""
    folder = files(__package__) / "inside"
    order = _ORDER.format(_ASSERTS if asserts else "").split()
    named = [("inside", "")] + [(f"inside.{name}", (folder / f"{name}.py").read_text()) for name in order]
    packed = marshal.dumps([(name, compile(source, f"{name}.py", "exec")) for name, source in named])
    return b"%10d" % len(packed) + packed


def packed(job: Job, hidden: Sequence[Hidden]) -> bytes:
    """The job and its tests, in one or more parts. Raises `TestUnsupportedError` if a test contains anything but plain data."""
    parts = [encode(job, _refuse), *(encode(part, _refuse) for part in hidden)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _refuse(value: object) -> int:
    from sdzero_bench.verifiers.sandbox.result import TestUnsupportedError

    raise TestUnsupportedError(f"a test contains a {type(value).__name__}, which is not plain data")
