"""A control: GRPO with wrong responses rewarded."""

from __future__ import annotations

from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class InvertedRewardOptions(MethodOptions, PolicyGradientOptions):
    pass


def inverted(attempt: Attempt) -> float | None:
    """1 - r."""
    reward = attempt.sample.verdict.reward
    return None if reward is None else 1.0 - reward


class InvertedReward(Method):
    """GRPO that is rewarded for wrong responses: a policy that still improves does not learn from the rewards.

    Source: the incorrect rewards of Shao et al. 2025, "Spurious Rewards: Rethinking Training Signals in RLVR", arXiv
    2506.10947. Objective: that of `grpo` with its loss dapo, and the reward 1 - r.
    Departure: any incorrect response is rewarded, where the paper's labels are incorrect answers.
    """

    name = "inverted_reward"
    summary = "control: GRPO with the reward 1 - r"
    paper = "arXiv 2506.10947"
    control = True
    Options = InvertedRewardOptions
    options: InvertedRewardOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options)]

    def train(self, run: Run) -> Checkpoint:
        objective = Objective("dapo", clip=(0.2, 0.28), reward=inverted)
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
