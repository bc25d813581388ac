"""Tasks that a harness of the field defines: its questions, prompts and rules, our engine, journal and records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from sdzero_bench.core.errors import NoSuchSplit
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.task import Split
from sdzero_bench.questions.dynamic_task import DynamicTask
from sdzero_bench.records.journal import Sample


class HarnessTask(DynamicTask):
    """A benchmark as a harness has it: a test set and no more. `sdzero-bench eval --harness` runs it."""

    splits = ("test",)

    def load(self, split: Split) -> QuestionSet:
        if split != "test":
            raise NoSuchSplit(f"{self.name} has no {split} questions, only test; a harness measures policies and trains none")
        return self.load_test()

    @abstractmethod
    def load_test(self) -> QuestionSet:
        """All questions, in the harness's order. Raises `UserError` if they cannot be had."""

    @abstractmethod
    def usual_evaluation(self) -> dict[str, Any]:
        """How the harness samples, unless it is told otherwise: settings of `evaluation`."""

    @abstractmethod
    def harness_figures(self, questions: QuestionSet, samples: Sequence[Sample]) -> dict[str, Any]:
        """What the harness itself makes of the samples, in its own words."""


def cut(response: str, stops: list[str]) -> str:
    """The response up to the first of its stop texts: our engine samples on to the end of the turn."""
    ends = [at for stop in stops if stop and (at := response.find(stop)) >= 0]
    return response[: min(ends)] if ends else response
