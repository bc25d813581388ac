"""Reinforcement from wrong samples alone."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.advantages import each_rollout
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class NSROptions(MethodOptions, PolicyGradientOptions):
    positive_weight: float = Field(0.0, ge=0)
    """Advantage of a correct rollout; that of an incorrect one is -1. 0 is NSR, 0.1 the paper's Weighted-REINFORCE."""
    updates: int = Field(1, gt=0)
    """Optimizer steps per batch of rollouts (the paper's runs: 4); with 1 nothing is ever clipped."""


class NSR(Method):
    """Push wrong responses down, and leave right ones as they are.

    Paper: Zhu et al. 2025, "The Surprising Effectiveness of Negative Reinforcement in LLM Reasoning", arXiv 2506.01347.
    Objective: the clipped importance-weighted advantage of each token (see `grpo`) with A = -1 for an incorrect response and
    A = `positive_weight` for a correct one, without a baseline.
    Departures: correct rollouts stay in the batch with the advantage 0, so that the loss is divided by their tokens too; no
    entropy bonus; groups of 4 to fit the budget, where the paper has 8; one update per batch by default, so that no ratio is
    clipped.
    """

    name = "nsr"
    summary = "policy gradient on wrong samples alone, pushed down"
    paper = "arXiv 2506.01347"
    Options = NSROptions
    search = space({"positive_weight": one_of(0.0, 0.1, 0.5), "updates": one_of(1, 2, 4)})
    options: NSROptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options, self.options.updates)]

    def train(self, run: Run) -> Checkpoint:
        positive = self.options.positive_weight
        advantage = each_rollout(lambda reward: positive if reward == 1.0 else -1.0)
        objective = Objective("dapo", self.options.updates, advantage=advantage)
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
