"""What a verifier says of a response."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

TestOutcome = Literal[
    "passed",
    "wrong answer",
    "assertion",
    "exception",
    "exit",
    "signal",
    "time",
    "memory",
    "output",
    "compile error",
    "no program",
]


@dataclass(frozen=True)
class ProgramReport:
    """What a program did with its tests. All of it is the program's doing: where the verifier failed there is no report."""

    passed: int
    total: int
    first_failed: int | None
    """Counted from 1; None where all passed, or where none was run."""
    outcome: TestOutcome
    """Of the first test that failed, or of the compiler, or "passed"."""


@dataclass(frozen=True)
class Verdict:
    """`reward` is 1.0 or 0.0 where the verifier came to a result, and None where it failed.

    status:
        "ok": verified, right or wrong; "timeout": killed at its time limit; "error": it raised, or its process died.
    """

    reward: float | None
    status: Literal["ok", "timeout", "error"] = "ok"
    answer: str | None = None
    """What was taken as the response's final answer."""
    detail: str = ""
    tests: ProgramReport | None = None
    """For programs."""

    @classmethod
    def failed(cls, status: Literal["timeout", "error"], detail: str) -> Verdict:
        return cls(reward=None, status=status, detail=detail)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the journal; `tests` only where there are some."""
        row = asdict(self)
        if self.tests is None:
            del row["tests"]
        return row

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Verdict:
        tests = row.get("tests")
        return cls(**{**row, "tests": None if tests is None else ProgramReport(**tests)})
