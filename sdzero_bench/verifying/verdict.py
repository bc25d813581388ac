"""What a verifier says of a response."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


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

    @classmethod
    def failed(cls, status: Literal["timeout", "error"], detail: str) -> Verdict:
        return cls(reward=None, status=status, detail=detail)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
