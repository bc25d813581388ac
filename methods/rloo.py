"""REINFORCE with a leave-one-out baseline."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.training.cost import Passes, Typical
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.options import PolicyGradientOptions
from sdzero_bench.training.run import Checkpoint, Run


class RLOOOptions(MethodOptions):
    group_size: int = Field(4, ge=2)
    """Rollouts of a question."""
    epochs: int = Field(1, gt=0)
    kl_weight: float = Field(0.0, ge=0)
    """Weight of kl(policy, base policy), taken off the reward."""
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class RLOO(Method):
    """A policy gradient whose baseline is the mean reward of the question's other rollouts.

    Paper: Ahmadian et al. 2024, "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in
    LLMs", arXiv 2402.14740. Objective: advantage times the log-probability of the whole response, advantage r - mean of the
    others' r, binary reward of the verifier; loss and advantages are TRL's RLOOTrainer.
    Departure: no KL penalty by default, as in SD-Zero's GRPO baseline.
    """

    name = "rloo"
    summary = "policy gradient with a leave-one-out baseline and the verifier's reward"
    paper = "arXiv 2402.14740"
    Options = RLOOOptions
    options: RLOOOptions

    def plan(self, questions: int) -> dict[str, int]:
        return {"rloo": questions * self.options.group_size * self.options.epochs}

    def expected(self, questions: int, typical: Typical) -> dict[str, Passes]:
        options = self.options
        tokens = questions * options.group_size * options.epochs * (typical.prompt + typical.completion)
        return {"rloo": Passes(tokens, forward=tokens * (1 + (options.kl_weight > 0)))}

    def train(self, run: Run) -> Checkpoint:
        run.require_context(run.longest_prompt() + run.sampling.max_new_tokens, "a prompt with its response")
        options = self.options
        gradient = PolicyGradientOptions(objective="rloo", group_size=options.group_size, kl_weight=options.kl_weight)
        return run.policy_gradient("rloo", run.base, run.questions, gradient, options.epochs, options.learning_rate)
