"""What was found when a task was made to prove itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "note", "failed"]
SHOWN = 5
"""Examples of a finding that are kept."""


@dataclass(frozen=True)
class Problem:
    """One check. `note`: nothing is wrong with the task, but a user should know."""

    check: str
    state: State
    found: str
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def finding(check: str, passed: str, failed: str, examples: list[str], state: State = "failed") -> Problem:
    """`passed` where there are no examples against it; else `failed`, with the first of them."""
    if not examples:
        return Problem(check, "ok", passed)
    return Problem(check, state, failed, tuple(examples[:SHOWN]))
