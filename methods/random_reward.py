"""A control: GRPO with a coin as the reward."""

from __future__ import annotations

import random

from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class RandomRewardOptions(MethodOptions, PolicyGradientOptions):
    pass


def coin(attempt: Attempt) -> float | None:
    """1 or 0 with equal probability, from the sample's own seed; None where the verifier failed, as for GRPO."""
    if attempt.sample.verdict.reward is None:
        return None
    return float(random.Random(attempt.sample.seed).random() < 0.5)


class RandomReward(Method):
    """GRPO that is rewarded by chance: what it gains does not come from the rewards.

    Source: Shao et al. 2025, "Spurious Rewards: Rethinking Training Signals in RLVR", arXiv 2506.10947. Objective: that of
    `grpo` with its loss dapo, and as the reward of each rollout a coin that is 1 or 0 with equal probability.
    Departure: one update per batch, so that no ratio is clipped; the paper explains its gains by the bias of clipping.
    """

    name = "random_reward"
    summary = "control: GRPO with a coin as the reward"
    paper = "arXiv 2506.10947"
    supervision = "nothing"
    control = True
    Options = RandomRewardOptions
    options: RandomRewardOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options)]

    def train(self, run: Run) -> Checkpoint:
        objective = Objective("dapo", clip=(0.2, 0.28), reward=coin)
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
