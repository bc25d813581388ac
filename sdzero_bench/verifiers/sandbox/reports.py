"""What the tester reports about a program, as it comes: each test is judged, and what the program said is dropped."""

from __future__ import annotations

import reprlib
from dataclasses import replace
from typing import Any

from sdzero_bench.verifiers.sandbox.inside.codec import Unreadable, decode
from sdzero_bench.verifiers.sandbox.result import (
    Execution,
    Judge,
    Opaque,
    Outcome,
    ProgramResult,
    SandboxError,
    TestUnsupportedError,
)

_LONGEST = 1000


class Hearing:
    """The reports on one program.

    Whatever goes wrong once the program has started is the program's doing, unless the tester says that it is not.
    """

    def __init__(self, tests: int, name: str, judge: Judge | None) -> None:
        self._tests, self._name, self._judge = tests, name, judge
        self._executions: list[Execution] = []
        self._began = False
        self._lost: tuple[Outcome, str] | None = None
        self._compile_error: str | None = None

    def hear(self, report: bytes) -> None:
        """Take one report. Raises `TestUnsupportedError`, and `SandboxError` if the tester could not do its work."""
        kind, *rest = decode(report, lambda _, name: Opaque(name))
        if kind == "broken":
            raise SandboxError(f"{self._name}: {printable(str(rest[0]))}")
        if kind == "unsupported":
            raise TestUnsupportedError(f"test {rest[0] + 1} cannot be run: {printable(str(rest[1]))}")
        if kind == "began":
            self._began = True
        elif kind == "compile":
            self._compile_error = printable(str(rest[0]))
        elif kind == "lost":
            self._lost = rest[0], printable(str(rest[1]))
        elif kind == "test" and len(self._executions) < self._tests:
            self._executions.append(self._judged(*rest[1:]))

    def result(self, words: str) -> ProgramResult:
        """The result, once the tester has ended; `words` is the end of its standard error.

        Raises `SandboxError` if it never started. Tests without a report have failed.
        """
        if self._compile_error is not None:
            return ProgramResult((), compile_error=self._compile_error)
        if not self._began:
            raise SandboxError(f"{self._name} did not start: {words.splitlines()[-1] if words else 'it said nothing'}")
        outcome, detail = self._lost or _ended(words)
        lost = Execution(outcome, detail=detail)
        return ProgramResult((*self._executions, *[lost] * (self._tests - len(self._executions))))

    def _judged(self, outcome: Any, value: bytes, stdout: bytes, detail: str, cpu: float, wall: float) -> Execution:
        try:
            answer = decode(value, lambda _, name: Opaque(name))[1] if value else None
        except Unreadable as error:
            return Execution("output", detail=printable(str(error)), cpu_seconds=cpu, wall_seconds=wall)
        said = stdout.decode("utf-8", "replace")
        execution = Execution(outcome, answer, said, printable(detail), None, cpu, wall)
        if self._judge is None or outcome != "ok":
            return execution
        passed = self._judge(len(self._executions), execution)
        shown = "" if passed else printable(_shown(said or answer))
        return replace(execution, value=None, stdout="", passed=passed, detail=shown)


class _Short(reprlib.Repr):
    """Shows the start of a value, without taking the time and memory to show all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 200
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 50

    def repr_str(self, value: str, level: int) -> str:
        return repr(value if len(value) <= _LONGEST else value[:_LONGEST])

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if abs(value) < 10**1000 else "a very long number"


def _ended(words: str) -> tuple[Outcome, str]:
    """How a tester ended that has not said so."""
    if words:
        return "signal", f"the tester died: {printable(words.splitlines()[-1])}"
    return "time", "after the tester's time was up"


def _shown(value: object) -> str:
    """What the program printed or returned."""
    return _Short().repr(value)


def printable(text: str) -> str:
    """The text without what no file or terminal takes: lone surrogates and control characters. Not too long."""
    short = text[:_LONGEST].encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in short)
