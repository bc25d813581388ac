"""Group-relative policy optimization, in the variants that the field calls by this name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run

CLIP = {"dapo": (0.2, 0.28), "grpo": (0.2, 0.2), "dr_grpo": (0.2, 0.2), "gspo": (3e-4, 4e-4)}
"""(low, high) of each loss, as its paper has it."""


class GRPOOptions(MethodOptions, PolicyGradientOptions):
    """`group_size`: the paper's budget section says 4, its table of hyperparameters 8."""

    loss: Literal["dapo", "grpo", "dr_grpo", "gspo"] = "dapo"
    """How the loss is normalised. dapo: mean over the tokens of a step (SD-Zero's baseline); grpo: mean over a response's
    tokens, then over responses; dr_grpo: by a constant, advantages not divided by the standard deviation; gspo: as grpo,
    with one importance ratio per response."""
    updates: int = Field(1, gt=0)
    """Optimizer steps per batch of rollouts; with 1 nothing is ever clipped."""
    clip_low: float | None = Field(None, gt=0)
    """The importance ratio is clipped to [1 - clip_low, 1 + clip_high]; null: dapo 0.2 and 0.28, gspo 3e-4 and 4e-4, else 0.2
    and 0.2."""
    clip_high: float | None = Field(None, gt=0)

    def objective(self) -> Objective:
        """The loss with its clip range."""
        low, high = CLIP[self.loss]
        return Objective(self.loss, self.updates, (self.clip_low or low, self.clip_high or high))


class GRPO(Method):
    """A policy gradient whose baseline is the mean reward of a question's own rollouts.

    Papers: Shao et al. 2024 (GRPO, arXiv 2402.03300), Yu et al. 2025 (DAPO, arXiv 2503.14476), Liu et al. 2025 (Dr. GRPO,
    arXiv 2503.20783), Zheng et al. 2025 (GSPO, arXiv 2507.18071). Objective: the clipped importance-weighted advantage of
    each token, min(w A, clip(w, 1 - clip_low, 1 + clip_high) A), where w is the token's importance ratio, and with the
    verifier's binary rewards r of a group A_i = (r_i - mean(r)) / (std(r) + 1e-4); dr_grpo: A_i = r_i - mean(r). Losses and
    advantages are TRL's GRPOTrainer.
    Departures: of DAPO only the normalisation and the clip range are taken; its dynamic sampling draws again for groups
    with equal rewards, which a fixed budget of samples does not allow, and rewards are not shaped by length.
    """

    name = "grpo"
    summary = "policy gradient on groups of rollouts with the verifier's reward (dapo, grpo, dr_grpo, gspo)"
    paper = "arXiv 2402.03300"
    Options = GRPOOptions
    search = space(
        {
            "kl_weight": one_of(0.0, 0.001, 0.01),
            "updates": one_of(1, 2, 4),
            "loss": one_of("dapo", "grpo", "dr_grpo"),
        }
    )
    options: GRPOOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options, self.options.updates)]

    def train(self, run: Run) -> Checkpoint:
        return run.policy_gradient(self.name, run.base, run.questions, self.options.objective(), self.options)
