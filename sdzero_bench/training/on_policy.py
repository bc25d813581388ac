"""Training on rollouts of the policy as it is: which questions a step asks, and how their rollouts reach a trainer.

TRL's on-policy trainers generate for themselves. Here they are handed rollouts that were drawn, verified, journaled and charged
by the same code as every other sample of a run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.records.journal import Sample


@dataclass(frozen=True)
class Attempt:
    """One verified rollout, with the question that it answers and the other rollouts of the same group."""

    question: Question
    sample: Sample
    siblings: tuple[Sample, ...] = ()


Rollout = Callable[[Any, int, list[dict[str, Any]]], Sequence[Attempt]]
"""(policy as it is now, optimiser steps done, rows of the dataset) -> one attempt a row."""


@dataclass(frozen=True)
class RolloutPlan:
    """Which question each optimiser step asks, and how often: laid out before the first step.

    A question is asked `group` times in a row in each epoch. TRL's own samplers shuffle anew when a run is resumed, and the
    rest of an epoch would then be other questions than those that are still due.
    """

    questions: QuestionSet
    epochs: int
    group: int
    batch: int
    """Rollouts an optimiser step."""

    @classmethod
    def fitting(cls, questions: QuestionSet, epochs: int, group: int, batch: int) -> RolloutPlan:
        """With the batch lowered to what there is. Raises `UserError` if groups would be torn between steps."""
        batch = min(batch, len(questions) * epochs * group)
        if batch % group:
            raise UserError(
                f"optimizer.batch_size is {batch}, which groups of {group} rollouts do not fill evenly; choose a multiple"
            )
        return cls(questions, epochs, group, batch)

    @property
    def steps(self) -> int:
        """Whole batches; questions at the end that do not fill one are not asked."""
        return len(self.questions) * self.epochs * self.group // self.batch

    def rows(self, seed: int, prompt: Callable[[Question], Any]) -> Iterator[dict[str, Any]]:
        """One row a question and epoch, in the order in which they are asked."""
        order = random.Random(seed)
        for epoch in range(self.epochs):
            for question in order.sample(list(self.questions), len(self.questions)):
                yield {"prompt": prompt(question), "question_id": question.id, "epoch": epoch}

    def indices(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """The sample index of each row of a batch, in which a question's rows follow each other."""
        seen: Counter[tuple[str, int]] = Counter()
        result = []
        for row in rows:
            key = (row["question_id"], row["epoch"])
            result.append(f"epoch{row['epoch']}" + (f".{seen[key]}" if self.group > 1 else ""))
            seen[key] += 1
        return result


def attempts(questions: Sequence[Question], samples: Sequence[Sample], group: int) -> list[Attempt]:
    """Attempts of one batch, in order; every `group` of them in a row answer the same question and are siblings.

    Raises `ValueError` if they do not.
    """
    result = []
    for i, (question, sample) in enumerate(zip(questions, samples, strict=True)):
        start = i - i % group
        if question.id != questions[start].id:
            raise ValueError(f"a group of {group} rollouts holds questions {questions[start].id!r} and {question.id!r}")
        siblings = tuple(s for j, s in enumerate(samples[start : start + group], start) if j != i)
        result.append(Attempt(question, sample, siblings))
    return result


class JournaledRollouts:
    """Mixed into a trainer of TRL that generates: takes the rows of the batch, and asks `rollout` for their attempts."""

    rollout: Rollout
    rows: list[dict[str, Any]]
    attempts: Sequence[Attempt] = ()
    _whole: Any = None

    # What TRL's trainers have
    model: Any
    model_wrapped: Any
    accelerator: Any
    args: Any
    state: Any
    _metrics: Any

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self.rows = inputs
        return super()._generate_and_score_completions(inputs)  # type: ignore[misc]

    def draw(self) -> Sequence[Attempt]:
        """One attempt a row of the batch, from the weights as they are at this step."""
        with self._policy_for_generation() as policy:
            self.attempts = self.rollout(policy, self.state.global_step, self.rows)
        rewards = [a.sample.verdict.reward for a in self.attempts if a.sample.verdict.reward is not None]
        verified, drawn = self.total(len(rewards)), self.total(len(self.attempts))
        reward = self.total(sum(rewards)) / verified if verified else 0.0
        self.log_step(reward=reward, rollouts=drawn, unverified=drawn - verified)
        return self.attempts

    @contextmanager
    def _policy_for_generation(self) -> Iterator[Any]:
        from trl.models.utils import unwrap_model_for_generation

        from sdzero_bench.training.sharding import is_sharded, whole_copy

        if is_sharded(self.model):
            # A rollout takes another number of steps in each process, and no process can step with a part of the weights.
            self._whole = whole_copy(self.model, self._whole)
            yield self._whole
            return
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,
        ) as policy:
            yield policy

    @staticmethod
    def total(of_this_process: float) -> float:
        """Over all processes."""
        from accelerate.utils import gather_object

        return sum(gather_object([of_this_process]))

    def log_step(self, **figures: float) -> None:
        """Figures of the batch as a whole, whichever process asks."""
        for name, value in figures.items():
            self._metrics["train"][name].append(value)
