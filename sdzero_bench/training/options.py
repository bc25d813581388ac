"""Options of on-policy training; apart from the code that they steer, so that listing methods needs no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DivergenceOptions(BaseModel):
    """Which divergence between the student's and the teacher's next-token distributions is minimised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["reverse", "forward", "mixed", "jsd"] = "reverse"
    """reverse: kl(student, teacher), the paper's equation. forward: kl(teacher, student). mixed: their weighted sum, the
    public code's default. jsd: the generalised Jensen-Shannon divergence, beta * kl(teacher, m) + (1 - beta) * kl(student, m)
    with m = beta * teacher + (1 - beta) * student (Agarwal et al. 2023, arXiv 2306.13649)."""
    forward_weight: float = Field(0.5, ge=0, le=1)
    """Weight of kl(teacher, student) in `mixed`; the other direction has the rest."""
    beta: float = Field(0.5, gt=0, lt=1)
    """Weight of the teacher in `jsd`."""
    top_k: int | None = Field(None, gt=0)
    """Only the teacher's k most likely tokens, both distributions renormalised over them (the public code: 64); null is
    the exact sum over the vocabulary."""

    def weights(self) -> dict[Literal["forward", "reverse", "jsd"], float]:
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


class SelfDistillationOptions(BaseModel):
    """On-policy self-distillation: the student is drawn to the same policy in a context that knows more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(1, gt=0)
    """Rounds over the questions, each rollout by the policy of its step."""
    divergence: DivergenceOptions = DivergenceOptions()
    teacher: TeacherOptions = TeacherOptions()
    max_teacher_tokens: int = Field(32_768, gt=0)
    """Longest teacher input; a response with which it would be longer is cut for student and teacher alike."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class PolicyGradientOptions(BaseModel):
    """A policy gradient on groups of verified rollouts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Literal["dapo", "grpo", "dr_grpo", "gspo", "rloo"] = "dapo"
    """How the loss is normalised. dapo: mean over the tokens of a step; grpo: mean over a response's tokens, then over
    responses; dr_grpo: sum over tokens by a constant, and advantages not divided by the group's standard deviation; gspo: as
    grpo, with one importance ratio a response; rloo: REINFORCE with a leave-one-out baseline, one ratio a response."""
    group_size: int = Field(4, ge=2)
    """Rollouts of a question, whose rewards are compared."""
    updates: int = Field(1, gt=0)
    """Optimiser steps on each batch of rollouts; with 1 the policy is the one that sampled, and nothing is ever clipped."""
    clip_low: float | None = Field(None, gt=0)
    """The importance ratio is clipped to [1 - clip_low, 1 + clip_high]; null takes the objective's own: dapo 0.2 and 0.28,
    gspo 3e-4 and 4e-4, the others 0.2 and 0.2."""
    clip_high: float | None = Field(None, gt=0)
    kl_weight: float = Field(0.0, ge=0)
    """Weight of kl(policy, base policy); 0 keeps no reference model."""

    def clip(self) -> tuple[float, float]:
        low, high = {"dapo": (0.2, 0.28), "gspo": (3e-4, 4e-4)}.get(self.objective, (0.2, 0.2))
        return self.clip_low or low, self.clip_high or high
