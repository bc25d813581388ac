"""Expectation-maximisation by self-training (ReST-EM)."""

from __future__ import annotations

from pydantic import Field

from sdzero_bench.training.cost import Passes, Typical, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example


class ReSTEMOptions(MethodOptions):
    rounds: int = Field(2, gt=0)
    samples: int = Field(2, gt=0)
    """Samples a question and round."""
    keep: int = Field(10, gt=0)
    """Right samples kept for each question and round, at most."""
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class ReSTEM(Method):
    """Rejection-sampling fine-tuning iterated, with fresh samples each round.

    Paper: Singh et al. 2023, "Beyond Human Data: Scaling Self-Training for Problem-Solving with Language Models", arXiv
    2312.06585. Objective of a round: -log pi(y | x) over right y of the last round's policy (E-step), starting again from the
    base policy (M-step).
    Departures: as many epochs each round as RFT has, instead of stopping on a validation set; samples at most 10 a question, as
    the original, of far fewer drawn.
    """

    name = "rest_em"
    summary = "fine-tune the base on the last round's own right samples, round after round"
    paper = "arXiv 2312.06585"
    Options = ReSTEMOptions
    options: ReSTEMOptions

    def plan(self, questions: int) -> dict[str, int]:
        return {f"round{i}.sample": questions * self.options.samples for i in range(1, self.options.rounds + 1)}

    def expected(self, questions: int, typical: Typical) -> dict[str, Passes]:
        kept = min(self.options.samples * typical.right, self.options.keep)
        passes = fine_tuning(questions * kept, typical.prompt + typical.completion, self.options.epochs)
        return {f"round{i}": passes for i in range(1, self.options.rounds + 1)}

    def measured(self, typical: Typical) -> dict[str, float]:
        rounds = [f"round{i}" for i in range(1, self.options.rounds)]
        return dict.fromkeys([*rounds, "final"], typical.completion)

    def train(self, run: Run) -> Checkpoint:
        run.require_context(run.longest_prompt() + run.sampling.max_new_tokens, "a prompt with its response")
        by_id = {question.id: question for question in run.questions}
        policy = run.base
        for i in range(1, self.options.rounds + 1):
            kept: dict[str, list[Example]] = {}
            for sample in run.sample(f"round{i}.sample", policy, run.ask(run.questions, self.options.samples)):
                if sample.right:
                    example = Example(tuple(run.prompt_ids(by_id[sample.question_id])), sample.token_ids)
                    kept.setdefault(sample.question_id, []).append(example)
            examples = [example for own in kept.values() for example in own[: self.options.keep]]
            policy = run.finetune(f"round{i}", run.base, examples, self.options.epochs, self.options.learning_rate)
            if i < self.options.rounds:
                run.keep(f"round{i}", policy)
        return policy
