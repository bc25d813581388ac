"""Expectation-maximisation by self-training (ReST-EM)."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from sdzero_bench.core.search_space import one_of, space
from sdzero_bench.training.cost import Passes, Typical, fine_tuning
from sdzero_bench.training.method import Method, MethodOptions
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example


class ReSTEMOptions(MethodOptions):
    rounds: int = Field(2, gt=0)
    samples: int = Field(2, gt=0)
    """Samples per question and round."""
    keep: int = Field(10, gt=0)
    """Correct samples kept per question and round, at most."""
    epochs: float = Field(3, gt=0)
    learning_rate: float | None = Field(None, gt=0)
    """Instead of optimizer.learning_rate."""


class ReSTEM(Method):
    """Rejection-sampling fine-tuning iterated, with new samples each round.

    Paper: Singh et al. 2023, "Beyond Human Data: Scaling Self-Training for Problem-Solving with Language Models", arXiv
    2312.06585. Objective of a round: -log pi(y | x) over correct y of the last round's policy (E-step), starting again from
    the base policy (M-step).
    Departures: the number of epochs per round is RFT's, instead of early stopping on a validation set; at most 10 samples are
    kept per question, as in the original, but far fewer are drawn.
    """

    name = "rest_em"
    summary = "fine-tune the base on the last round's own right samples, round after round"
    paper = "arXiv 2312.06585"
    Options = ReSTEMOptions
    search = space({"epochs": one_of(1, 2, 3, 4)})
    options: ReSTEMOptions

    def phases(self, questions: int) -> list[Phase]:
        options = self.options

        def passes(typical: Typical, first: bool) -> Passes:
            right = typical.right if first or typical.trained_right is None else typical.trained_right
            kept = min(options.samples * right, options.keep)
            return fine_tuning(questions * kept, typical.prompt + typical.completion, options.epochs)

        found: list[Phase] = []
        for i in range(1, options.rounds + 1):
            found.append(Phase(_samples(i), "sample", questions * options.samples))
            trained = partial(passes, first=i == 1)
            found.append(Phase(_policy(i), "finetune", passes=trained, kept_as=_policy(i) if i < options.rounds else None))
        return found

    def train(self, run: Run) -> Checkpoint:
        by_id = {question.id: question for question in run.questions}
        policy = run.base
        for i in range(1, self.options.rounds + 1):
            kept: dict[str, list[Example]] = {}
            for sample in run.sample(_samples(i), policy, run.ask(run.questions, self.options.samples)):
                if sample.right:
                    example = Example(tuple(run.prompt_ids(by_id[sample.question_id])), sample.token_ids)
                    kept.setdefault(sample.question_id, []).append(example)
            examples = [example for own in kept.values() for example in own[: self.options.keep]]
            policy = run.finetune(_policy(i), run.base, examples, self.options.epochs, self.options.learning_rate)
            if i < self.options.rounds:
                run.keep(_policy(i), policy)
        return policy


def _policy(number: int) -> str:
    return f"round{number}"


def _samples(number: int) -> str:
    return f"{_policy(number)}.sample"
