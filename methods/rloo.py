"""REINFORCE with a leave-one-out baseline."""

from __future__ import annotations

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.recipe import Phase, policy_gradient
from sdzero_bench.training.run import Checkpoint, Run


class RLOOOptions(MethodOptions, PolicyGradientOptions):
    """`kl_weight` times kl(policy, base policy) is subtracted from the reward."""


class RLOO(Method):
    """A policy gradient whose baseline is the mean reward of the question's other rollouts.

    Paper: Ahmadian et al. 2024, "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in
    LLMs", arXiv 2402.14740. Objective: A_i log pi(y_i | x) of the whole response, with the verifier's binary rewards r of the
    k rollouts of a question A_i = r_i - (sum over j != i of r_j) / (k - 1); loss and advantages are TRL's RLOOTrainer.
    Departure: no KL penalty by default, as in SD-Zero's GRPO baseline.
    """

    name = "rloo"
    summary = "policy gradient with a leave-one-out baseline and the verifier's reward"
    paper = "arXiv 2402.14740"
    Options = RLOOOptions
    search = space({"kl_weight": one_of(0.0, 0.001, 0.01, 0.05)})
    options: RLOOOptions

    def phases(self, questions: int) -> list[Phase]:
        return [policy_gradient(self.name, questions, self.options, old_policy=1)]  # TRL's RLOOTrainer always computes it

    def train(self, run: Run) -> Checkpoint:
        return run.policy_gradient(self.name, run.base, run.questions, Objective("rloo"), self.options)
