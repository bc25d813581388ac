"""CISPO: importance weights are clipped, and no token loses its gradient."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.search_space import between, one_of, space
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class CISPOOptions(MethodOptions, PolicyGradientOptions):
    updates: int = Field(4, gt=0)
    """Optimizer steps per batch of rollouts; with 1 nothing is ever clipped, and CISPO is REINFORCE."""
    max_ratio: float = Field(5.0, gt=0)
    """Largest importance ratio. The paper does not state its own; ScaleRL (arXiv 2510.13786) recommends 4 to 8."""


class CISPO(Method):
    """A policy gradient with importance ratios that are clipped as weights, outside of the gradient.

    Paper: MiniMax 2025, "MiniMax-M1", arXiv 2506.13585, equations 4 and 5. Objective: sg(min(w, max_ratio)) A log pi(y_t) of
    each token, where w is its importance ratio, A the advantage of `grpo` and sg stops the gradient. The loss is TRL's.
    Departures: the mean is over the tokens of a batch, where the paper's is over those of a group; no dynamic sampling, which a
    fixed budget of samples does not allow, and no length penalty.
    """

    name = "cispo"
    summary = "policy gradient with clipped importance weights instead of clipped losses"
    paper = "arXiv 2506.13585"
    Options = CISPOOptions
    search = space({"updates": one_of(1, 2, 4), "max_ratio": between(2.0, 8.0)})
    options: CISPOOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options, self.options.updates)]

    def train(self, run: Run) -> Checkpoint:
        objective = Objective("cispo", self.options.updates, clip=(1.0, self.options.max_ratio))
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
