"""The outcome of one check of a task."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["ok", "note", "failed"]
SHOWN = 5
"""Number of examples to keep."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check. `note`: nothing is wrong with the task, but the user should know."""

    check: str
    state: State
    found: str
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def finding(check: str, passed: str, failed: str, counterexamples: list[str], state: State = "failed") -> Finding:
    """`passed` if there are no counterexamples; otherwise `failed`, with the first few of them."""
    if not counterexamples:
        return Finding(check, "ok", passed)
    return Finding(check, state, failed, tuple(counterexamples[:SHOWN]))
