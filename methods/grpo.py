"""Group-relative policy optimisation, in the variants that the field calls by this name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sdzero_bench.training.cost import Passes, Typical
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import PolicyGradientOptions
from sdzero_bench.training.run import Checkpoint, Run


class GRPOOptions(MethodOptions):
    loss: Literal["dapo", "grpo", "dr_grpo", "gspo"] = "dapo"
    """How the loss is normalised. dapo: mean over the tokens of a step (SD-Zero's baseline); grpo: mean over a response's
    tokens, then over responses; dr_grpo: by a constant, advantages not divided by the standard deviation; gspo: as grpo,
    with one importance ratio a response."""
    group_size: int = Field(4, ge=2)
    """Rollouts of a question. The paper's budget section says 4, its table of hyperparameters 8."""
    epochs: int = Field(1, gt=0)
    updates: int = Field(1, gt=0)
    """Optimiser steps on each batch of rollouts; with 1 nothing is ever clipped."""
    clip_low: float | None = Field(None, gt=0)
    """The importance ratio is clipped to [1 - clip_low, 1 + clip_high]; null: dapo 0.2 and 0.28, gspo 3e-4 and 4e-4, else 0.2
    and 0.2."""
    clip_high: float | None = Field(None, gt=0)
    kl_weight: float = Field(0.0, ge=0)
    """Weight of kl(policy, base policy)."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class GRPO(Method):
    """A policy gradient whose baseline is the mean reward of a question's own rollouts.

    Papers: Shao et al. 2024 (GRPO, arXiv 2402.03300), Yu et al. 2025 (DAPO, arXiv 2503.14476), Liu et al. 2025 (Dr. GRPO,
    arXiv 2503.20783), Zheng et al. 2025 (GSPO, arXiv 2507.18071). Objective: the clipped importance-weighted advantage,
    binary reward of the verifier, advantage (r - mean) / std of the group; losses and advantages are TRL's GRPOTrainer.
    Departures: of DAPO only the normalisation and the clip range are taken; its dynamic sampling draws again for groups
    whose rewards are all alike, which a fixed budget of samples does not allow, and rewards are not shaped by length.
    """

    name = "grpo"
    summary = "policy gradient on groups of rollouts with the verifier's reward (dapo, grpo, dr_grpo, gspo)"
    paper = "arXiv 2402.03300"
    Options = GRPOOptions
    options: GRPOOptions

    def plan(self, questions: int) -> dict[str, int]:
        return {"grpo": questions * self.options.group_size * self.options.epochs}

    def expected(self, questions: int, typical: Typical) -> dict[str, Passes]:
        options = self.options
        tokens = questions * options.group_size * options.epochs * (typical.prompt + typical.completion)
        without_gradient = (options.updates > 1) + (options.kl_weight > 0)
        return {"grpo": Passes(tokens * options.updates, forward=tokens * without_gradient)}

    def train(self, run: Run) -> Checkpoint:
        run.require_context(run.longest_prompt() + run.sampling.max_new_tokens, "a prompt with its response")
        options = self.options
        gradient = PolicyGradientOptions(
            objective=options.loss,
            group_size=options.group_size,
            updates=options.updates,
            clip_low=options.clip_low,
            clip_high=options.clip_high,
            kl_weight=options.kl_weight,
        )
        return run.policy_gradient("grpo", run.base, run.questions, gradient, options.epochs, options.learning_rate)
