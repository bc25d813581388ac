"""Options of self-distillation; apart from the code that they steer, so that listing methods needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DivergenceOptions(BaseModel):
    """Which divergence between the student's and the teacher's next-token distributions is minimised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["reverse", "forward", "mixed"] = "reverse"
    """reverse: kl(student, teacher), the paper's equation. forward: kl(teacher, student). mixed: their weighted sum, the
    public code's default (not a Jensen-Shannon divergence)."""
    forward_weight: float = Field(0.5, ge=0, le=1)
    """Weight of kl(teacher, student) in `mixed`; the other direction has the rest."""
    top_k: int | None = Field(None, gt=0)
    """Only the teacher's k most likely tokens, both distributions renormalised over them (the public code: 64); null is
    the exact sum over the vocabulary."""

    def weights(self) -> dict[Literal["forward", "reverse"], float]:
        if self.kind == "mixed":
            return {"forward": self.forward_weight, "reverse": 1 - self.forward_weight}
        return {self.kind: 1.0}


class TeacherOptions(BaseModel):
    """Weights of the teacher."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Literal["frozen", "sync_every", "sync_on_plateau", "ema"] = "frozen"
    every: int = Field(50, gt=0)
    """`sync_every`: optimiser steps between two copies of the student into the teacher."""
    patience: int = Field(20, gt=0)
    """`sync_on_plateau`: copy when the mean reward of the last so many steps is not better than that of as many before."""
    minimum_gain: float = Field(0.0, ge=0)
    """`sync_on_plateau`: a gain in mean reward up to this counts as none."""
    decay: float = Field(0.99, gt=0, lt=1)
    """`ema`: after each step, teacher = decay * teacher + (1 - decay) * student."""
