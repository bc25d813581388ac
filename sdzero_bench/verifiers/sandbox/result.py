"""The results of running a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["ok", "exception", "exit", "time", "memory", "output", "signal", "assertion"]


class SandboxError(Exception):
    """The sandbox failed, so that nothing is known about the program."""


class TestUnsupportedError(SandboxError):
    """The test is malformed or cannot be run in the sandbox; not the program's fault."""

    __test__ = False  # tells pytest that this is not a test class


class Opaque:
    """A value that is not plain data, of which only the name of its type is known. Equal to nothing, not even itself."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


@dataclass(frozen=True)
class Execution:
    """One test of a program.

    outcome:
        "ok": ended normally, but the output or result may still be wrong; "exception": raised an exception; "exit": exited
        with a non-zero code; "time": exceeded its CPU or wall time; "memory": exceeded its memory; "output": printed or
        returned too much, or an unreadable result; "signal": killed by a signal; "assertion": an assertion failed.
    """

    outcome: Outcome
    value: Any = None
    """The value that a call returned."""
    stdout: str = ""
    """What a script printed. Empty for calls and assert scripts, whose output is discarded."""
    detail: str = ""
    passed: bool | None = None
    """What the judge of the caller said, if there is one and the outcome is "ok". The value and the output are then dropped,
    and the detail of a wrong one shows its start."""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


Judge = Callable[[int, Execution], bool]
"""(number of the test, from 0; its execution) -> whether what the program printed or returned is right."""


@dataclass(frozen=True)
class ProgramResult:
    """One execution per test, in order; none if there is a `compile_error`."""

    executions: tuple[Execution, ...]
    compile_error: str | None = None
