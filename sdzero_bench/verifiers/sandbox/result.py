"""What came of a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["ok", "exception", "exit", "time", "memory", "output", "signal", "assertion"]


class SandboxError(Exception):
    """The sandbox failed, so nothing is known of the program."""


class TestUnsupportedError(SandboxError):
    """The test cannot be run in the sandbox, or is no test at all. No fault of the program's."""

    __test__ = False  # pytest: this is none


class Opaque:
    """A value that is not plain data, known by the name of its type alone. Equal to nothing, not even to itself."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


@dataclass(frozen=True)
class Execution:
    """One test.

    outcome:
        "ok": it ended normally (what it printed or returned may still be wrong); "exception": raised; "exit": ended with an
        exit code; "time": over its CPU or wall time; "memory": asked for more than it may; "output": printed or returned too
        much, or garbage; "signal": killed by one; "assertion": an assert of the tests does not hold.
    """

    outcome: Outcome
    value: Any = None
    """What a call returned."""
    stdout: str = ""
    """What a script printed. Nothing for calls and asserts: what those print is thrown away."""
    detail: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class ProgramResult:
    """One execution for each test, in order; none where there is a `compile_error`."""

    executions: tuple[Execution, ...]
    compile_error: str | None = None
