"""Rollouts of the policy as it trains: which questions each optimizer step asks, and who answered what."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypedDict

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.records.journal import Sample

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Attempt:
    """One verified rollout, with the question that it answers and the other rollouts of the same group."""

    question: Question
    sample: Sample
    siblings: tuple[Sample, ...] = ()
    sampler_ratio: float | None = None
    """Mean ratio of the trainer's and the sampler's probability of its tokens (sampler_ratio.py); None: not measured."""


class RolloutKey(TypedDict):
    """Which question of which epoch a row of the dataset asks."""

    question_id: str
    epoch: int


class RolloutRow(RolloutKey):
    """A row of the dataset that an on-policy trainer reads."""

    prompt: Sequence[dict[str, str]]
    """The chat that asks the question."""


class Rollout(Protocol):
    """Draws one attempt per row with the policy as it is after `step` optimizer steps."""

    def __call__(self, policy: PreTrainedModel, step: int, rows: Sequence[RolloutRow]) -> Sequence[Attempt]: ...


class TrainerParts(TypedDict):
    """What every on-policy trainer is made of, besides its settings."""

    model: PreTrainedModel
    """The policy to train."""
    train_dataset: Dataset
    """Of `RolloutRow`s."""
    processing_class: PreTrainedTokenizerBase
    rollout: Rollout


@dataclass(frozen=True)
class RolloutPlan:
    """Which question each optimizer step asks, and how often: laid out before the first step.

    A question is asked `group` times in a row in each epoch. TRL's own samplers shuffle again when a run is resumed, and the
    rest of an epoch would then ask other questions than those still due.
    """

    questions: QuestionSet
    epochs: int
    group: int
    batch: int
    """Rollouts per optimizer step."""

    @classmethod
    def fitting(cls, questions: QuestionSet, epochs: int, group: int, batch: int) -> RolloutPlan:
        """The plan with a batch no larger than all its rollouts. Raises `UserError` if a step would split a group."""
        batch = min(batch, len(questions) * epochs * group)
        if batch % group:
            raise UserError(
                f"optimizer.batch_size is {batch}, which groups of {group} rollouts do not fill evenly; choose a "
                f"multiple of the group size"
            )
        return cls(questions, epochs, group, batch)

    @property
    def steps(self) -> int:
        """Full batches; questions at the end that do not fill one are not asked."""
        return len(self.questions) * self.epochs * self.group // self.batch

    def rows(self, seed: int, prompt: Callable[[Question], Sequence[dict[str, str]]]) -> Iterator[RolloutRow]:
        """One row per question and epoch, in the order in which they are asked."""
        order = random.Random(seed)
        for epoch in range(self.epochs):
            for question in order.sample(list(self.questions), len(self.questions)):
                yield {"prompt": prompt(question), "question_id": question.id, "epoch": epoch}

    def covered(self, rows: Sequence[RolloutRow], has: Callable[[str], bool]) -> int:
        """How many steps, from the first, have all their rollouts in a journal; `has` tells for a sample's key.

        rows:
            Those of the whole plan.
        """
        per_step = self.batch // self.group
        for step in range(self.steps):
            asked = [row for row in rows[step * per_step : (step + 1) * per_step] for _ in range(self.group)]
            keys = [f"{row['question_id']}/{index}" for row, index in zip(asked, self.indices(asked), strict=True)]
            if not all(map(has, keys)):
                return step
        return self.steps

    def indices(self, rows: Sequence[RolloutKey]) -> list[str]:
        """The sample index of each row of a batch, in which the rows of a question follow each other."""
        seen: Counter[tuple[str, int]] = Counter()
        result = []
        for row in rows:
            key = (row["question_id"], row["epoch"])
            result.append(f"epoch{row['epoch']}" + (f".{seen[key]}" if self.group > 1 else ""))
            seen[key] += 1
        return result


@dataclass(frozen=True)
class RolloutSchedule:
    """How often each question is asked, and each batch of rollouts used."""

    epochs: int = 1
    """Passes over the questions."""
    group: int = 1
    """Rollouts per question and epoch."""
    updates: int = 1
    """Optimizer steps per batch of rollouts."""
    may_teach_nothing: bool = False
    """Whether the weights may stay as they are, as with rewards that are all equal."""
    repeated_by_trainer: bool = False
    """Whether the trainer repeats the rows of its dataset for the groups, as TRL's GRPOTrainer does."""

    def plan(self, questions: QuestionSet, batch: int) -> RolloutPlan:
        """Raises `UserError` if a step of `batch` rollouts would split a group."""
        return RolloutPlan.fitting(questions, self.epochs, self.group, batch)


def attempts(questions: Sequence[Question], samples: Sequence[Sample], group: int) -> list[Attempt]:
    """Attempts of one batch, in order; every `group` consecutive ones answer the same question and are siblings.

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
