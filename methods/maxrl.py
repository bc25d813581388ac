"""Maximum-likelihood reinforcement learning."""

from __future__ import annotations

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.advantages import each_group, over_mean
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class MaxRLOptions(MethodOptions, PolicyGradientOptions):
    pass


class MaxRL(Method):
    """A policy gradient that weighs a question by the inverse of its mean reward, so that hard questions count for more.

    Paper: Tajwar et al. 2026, "Maximum Likelihood Reinforcement Learning", arXiv 2602.02710. Objective: A_i log pi(y_i | x) of
    each token, with the verifier's binary rewards r of a group A_i = (r_i - mean(r)) / mean(r), and 0 for a group without a
    correct rollout. In expectation over large groups the gradient is that of log p(correct | x).
    The mean is over the tokens of a batch, and there is one update per batch, as in the paper's runs, so that no ratio is
    clipped.
    Departure: groups of 4 to fit the budget, where the paper has 16 or more.
    """

    name = "maxrl"
    summary = "policy gradient whose advantage is divided by the group's mean reward"
    paper = "arXiv 2602.02710"
    Options = MaxRLOptions
    search = space({"kl_weight": one_of(0.0, 0.001, 0.01)})
    options: MaxRLOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options)]

    def train(self, run: Run) -> Checkpoint:
        objective = Objective("dapo", advantage=each_group(over_mean))
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
