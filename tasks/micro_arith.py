"""micro-arith: chains of sums, the first task of the embedded model."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Literal

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task, TaskOptions
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.tasks.micro_world import arithmetic
from sdzero_bench.verifiers.math_answer import check_math, prepare


class MicroArithOptions(TaskOptions):
    train: int = Field(2000, gt=0)
    """Number of questions in each split."""
    validation: int = Field(200, gt=0)
    """Validation questions."""
    test: int = Field(600, gt=0)
    """Test questions."""
    min_terms: int = Field(3, ge=2)
    """Terms of the shortest sums; the default suits the embedded model."""
    max_terms: int = Field(5, ge=2)
    """Terms of a sum, at most."""


SPLIT_SEED = 1
"""Seed of the stream of questions. The splits are drawn in the order test, validation, train, so that a larger training set
changes no other split."""
FRESH_SEED = 2
"""Seed of `fresh`; that of the embedded model's training texts is another."""


class MicroArith(Task):
    """Sums of three to five terms from reasoning-gym's `chain_sum`, solved step by step, the answer boxed."""

    name = "micro-arith"
    summary = "chains of three to five sums, solved step by step (reasoning-gym chain_sum)"
    source = "reasoning-gym"
    license = "Apache-2.0, as reasoning-gym"
    verifier = "the last boxed expression, compared as mathematics"
    Options = MicroArithOptions
    options: MicroArithOptions

    @property
    def data(self) -> Literal["generated"]:
        return "generated"

    def load(self, split: Split) -> QuestionSet:
        sizes = {"test": self.options.test, "validation": self.options.validation, "train": self.options.train}
        start = 0
        for name, size in sizes.items():
            if name == split:
                break
            start += size
        if self.options.min_terms > self.options.max_terms:
            raise UserError(f"task.min_terms is {self.options.min_terms}, more than task.max_terms, {self.options.max_terms}")
        items = _items(sum(sizes.values()), self.options.min_terms, self.options.max_terms)[start : start + sizes[split]]
        return QuestionSet(
            f"{self.name}/{split}",
            tuple(_question(f"{split}-{i}", item) for i, item in enumerate(items)),
        )

    def fresh(self, count: int) -> QuestionSet:
        tested = {question.text for question in self.load("test")}
        drawn = arithmetic.chain_sums(FRESH_SEED, self.options.min_terms, self.options.max_terms)
        items = itertools.islice((item for item in drawn if item["question"] not in tested), count)
        return QuestionSet(f"{self.name}/fresh", tuple(_question(f"fresh-{i}", item) for i, item in enumerate(items)))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": arithmetic.prompt(question.text)}]

    def verify(self, question: Question, response: str) -> Verdict:
        return check_math(response, question.answer)

    def prepare_worker(self) -> None:
        prepare()

    def demonstration(self, question: Question) -> str:
        return arithmetic.demonstration(question.details["expression"])


def _question(id: str, item: arithmetic.ChainSum) -> Question:
    return Question(id, item["question"], item["answer"], {"expression": item["metadata"]["expression"]})


@cache
def _items(count: int, min_terms: int, max_terms: int) -> list[arithmetic.ChainSum]:
    # chain_sums leaves out repeats, so no two of these are the same sum.
    return list(itertools.islice(arithmetic.chain_sums(SPLIT_SEED, min_terms, max_terms), count))
