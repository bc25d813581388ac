"""What a measurement of this machine found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """What one kind of phase did."""

    kind: str
    """evaluate, sample, rollouts (samples of one optimizer step), or the kind of a training phase."""
    sequences: int
    tokens: float
    """Sampled, or through the student with a gradient."""
    seconds: float
    batch: int
    """Sequences at a time."""

    @property
    def per_second(self) -> float:
        return self.tokens / self.seconds
