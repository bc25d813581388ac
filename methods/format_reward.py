"""A control: GRPO with the right form as the reward, whatever the answer."""

from __future__ import annotations

from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class FormatRewardOptions(MethodOptions, PolicyGradientOptions):
    pass


def has_form(attempt: Attempt) -> float | None:
    """1 if the verifier found a final answer, or a program that compiles, and the response came to its end; else 0."""
    verdict = attempt.sample.verdict
    if verdict.reward is None:
        return None
    found = verdict.answer is not None
    if verdict.tests is not None:
        found = verdict.tests.outcome not in ("no program", "compile error")
    return float(found and attempt.sample.finish == "stop")


class FormatReward(Method):
    """GRPO that is rewarded for a response of the right form: what it gains is the form, and not the answer.

    Source: the format reward of Shao et al. 2025, "Spurious Rewards: Rethinking Training Signals in RLVR", arXiv 2506.10947.
    Objective: that of `grpo` with its loss dapo, and the reward 1 for any final answer that can be extracted, and for any
    program that compiles, in a response that has come to its end.
    Departure: the verifier looks for the answer as it does for every method, where the paper asks for a box that is not empty.
    """

    name = "format_reward"
    summary = "control: GRPO with the reward 1 for any answer in the right form"
    paper = "arXiv 2506.10947"
    supervision = "the form of responses"
    control = True
    Options = FormatRewardOptions
    options: FormatRewardOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options)]

    def train(self, run: Run) -> Checkpoint:
        objective = Objective("dapo", clip=(0.2, 0.28), reward=has_form, may_teach_nothing=True)
        return run.policy_gradient(self.name, run.base, run.questions, objective, self.options)
