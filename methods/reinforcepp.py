"""REINFORCE++: advantages normalised over the batch."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.advantages import over_batch
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class ReinforcePlusPlusOptions(MethodOptions, PolicyGradientOptions):
    group_baseline: bool = True
    """Subtract the mean reward of a question's rollouts first (the paper's variant for several samples per question)."""
    updates: int = Field(1, gt=0)
    """Optimizer steps per batch of rollouts; with 1 nothing is ever clipped."""


class ReinforcePlusPlus(Method):
    """A policy gradient whose advantages are normalised over all rollouts of a batch instead of over a group.

    Paper: Hu et al. 2025, "REINFORCE++: Stabilizing Critic-Free Policy Optimization with Global Advantage Normalization",
    arXiv 2501.03262, equations 5 to 7. Objective: the clipped importance-weighted advantage of each token (see `grpo`), the
    mean over a response's tokens and then over responses, with A = (a - mean(a)) / (std(a) + 1e-4) over the batch, where a is
    the reward, less the group's mean with `group_baseline`.
    Departures: no KL penalty by default, as in SD-Zero's GRPO baseline; with `kl_weight` it is TRL's estimate (k3) in the
    loss, where the paper has k2 in the loss, or k1 in the reward without a group's baseline.
    """

    name = "reinforcepp"
    summary = "policy gradient with advantages normalised over the batch"
    paper = "arXiv 2501.03262"
    Options = ReinforcePlusPlusOptions
    search = space({"kl_weight": one_of(0.0, 0.001, 0.01), "updates": one_of(1, 2, 4)})
    options: ReinforcePlusPlusOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options, self.options.updates)]

    def train(self, run: Run) -> Checkpoint:
        objective = Objective("grpo", self.options.updates, advantage=over_batch(self.options.group_baseline))
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
