"""The verdict of a verifier on a response."""

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


Status = Literal["ok", "refused", "timeout", "error"]


@dataclass(frozen=True)
class ProgramReport:
    """How a program did on its tests. If the verifier failed, there is no report."""

    passed: int
    total: int
    first_failed: int | None
    """Counted from 1; None if all passed, or if none was run."""
    outcome: TestOutcome
    """The outcome of the first failed test or of the compiler, or "passed"."""


@dataclass(frozen=True)
class Verdict:
    """`reward` is 1.0 or 0.0, or None if the verifier failed.

    status:
        "ok": verified, right or wrong; "refused": wrong, since the response cannot be read, or not be compared within the
        limits; "timeout": the verifier was killed at its time limit, through no fault of the response; "error": it raised an
        exception, or its process died.
    """

    reward: float | None
    status: Status = "ok"
    answer: str | None = None
    """The final answer that was extracted from the response."""
    detail: str = ""
    tests: ProgramReport | None = None
    """Set for programs only."""

    @classmethod
    def failed(cls, status: Literal["timeout", "error"], detail: str) -> Verdict:
        return cls(reward=None, status=status, detail=detail)

    @classmethod
    def refused(cls, detail: str) -> Verdict:
        return cls(reward=0.0, status="refused", detail=detail)

    def as_dict(self) -> dict[str, object]:
        """Plain data for the journal; without `tests` if there are none."""
        row = asdict(self)
        if self.tests is None:
            del row["tests"]
        return row

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Verdict:
        """Raises `TypeError` for what is not the dictionary of a verdict."""
        if not isinstance(row, dict):
            raise TypeError(f"a verdict that is a {type(row).__name__}")
        tests = row.get("tests")
        return cls(**{**row, "tests": None if tests is None else ProgramReport(**tests)})
