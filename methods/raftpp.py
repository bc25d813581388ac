"""RAFT++: reinforcement from right samples alone."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.advantages import each_rollout
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class RAFTPlusPlusOptions(MethodOptions, PolicyGradientOptions):
    updates: int = Field(4, gt=0)
    """Optimizer steps per batch of rollouts; with 1 nothing is ever clipped."""


class RAFTPlusPlus(Method):
    """Rejection-sampling fine-tuning as an on-policy method: right samples only, with clipped importance ratios.

    Paper: Xiong et al. 2025, "A Minimalist Approach to LLM Reasoning: from Rejection Sampling to Reinforce", arXiv
    2504.11343. Objective: min(w A, clip(w, 0.8, 1.2) A) of each token, where w is its importance ratio, A = 1 for a correct
    response and 0 for an incorrect one. The mean is over all tokens of a batch, those of incorrect responses included, as in
    the authors' code; the paper's formula is a mean over each response first.
    Departures: no KL penalty, where the authors' script has one of weight 0.001; no entropy bonus.
    """

    name = "raftpp"
    summary = "policy gradient on right samples alone, with clipped ratios"
    paper = "arXiv 2504.11343"
    Options = RAFTPlusPlusOptions
    search = space({"updates": one_of(1, 2, 4), "kl_weight": one_of(0.0, 0.001, 0.01)})
    options: RAFTPlusPlusOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options, self.options.updates)]

    def train(self, run: Run) -> Checkpoint:
        advantage = each_rollout(lambda reward: float(reward == 1.0))
        objective = Objective("dapo", self.options.updates, advantage=advantage)
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
