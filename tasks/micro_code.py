"""micro-code: small functions from one-line specifications, the second task of the embedded model."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Literal

from pydantic import Field

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask
from sdzero_bench.tasks.micro_world import programs
from sdzero_bench.verifiers.code.literals import write_literal


class MicroCodeOptions(CodeOptions):
    cpu_seconds: float = Field(1.0, gt=0)
    train: int = Field(2000, gt=0)
    """Number of questions in each split."""
    validation: int = Field(200, gt=0)
    """Validation questions."""
    test: int = Field(600, gt=0)
    """Test questions."""


SPLIT_SEED = 1
"""Seed of the stream of questions. The splits are drawn in the order test, validation, train, so that a larger training set
changes no other split."""
FRESH_SEED = 2
"""Seed of `fresh`; that of the embedded model's training texts is another."""


class MicroCode(CodeTask):
    """Pipelines of two to four steps over a list of integers; a program is right if it passes eight hidden tests."""

    name = "micro-code"
    summary = "small Python functions from one-line specifications, run on hidden tests"
    source = "made by the task itself"
    license = "Apache-2.0, as this project"
    record_details = True
    Options = MicroCodeOptions
    options: MicroCodeOptions

    @property
    def data(self) -> Literal["generated"]:
        return "generated"

    def load(self, split: Split) -> QuestionSet:
        sizes = {"test": self.options.test, "validation": self.options.validation, "train": self.options.train}
        start = sum(sizes[name] for name in itertools.takewhile(lambda name: name != split, sizes))
        found = _found(sum(sizes.values()))[start : start + sizes[split]]
        questions = tuple(_question(f"{split}-{i}", *pipeline) for i, pipeline in enumerate(found))
        return self.checked(QuestionSet(f"{self.name}/{split}", questions))

    def fresh(self, count: int) -> QuestionSet:
        tested = {question.text for question in self.load("test")}
        drawn = (_question(f"fresh-{i}", *pipeline) for i, pipeline in enumerate(programs.pipelines(FRESH_SEED)))
        new = itertools.islice((question for question in drawn if question.text not in tested), count)
        return self.checked(QuestionSet(f"{self.name}/fresh", tuple(new)))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": programs.prompt(question.text)}]

    def demonstration(self, question: Question) -> str:
        return str(question.details["demonstration"])


def _question(id: str, steps: programs.Steps, tests: programs.Lists) -> Question:
    calls = [write_literal((list(numbers),)) for numbers in tests]
    expected = [write_literal(programs.outcome(steps, numbers)) for numbers in tests]
    hidden = {"form": "calls", "function": "f", "calls": calls, "expected": expected}
    details = {"tests": hidden, "demonstration": programs.demonstration(steps)}
    return Question(id, programs.specification(steps), programs.program(steps), details)


@cache
def _found(count: int) -> list[tuple[programs.Steps, programs.Lists]]:
    return list(itertools.islice(programs.pipelines(SPLIT_SEED), count))
