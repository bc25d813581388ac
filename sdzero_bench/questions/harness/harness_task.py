"""Tasks that an evaluation harness defines: its questions, prompts and scoring rules; our engine, journal and records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from sdzero_bench.core.errors import NoSuchSplit
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.task import Split
from sdzero_bench.questions.dynamic_task import DynamicTask
from sdzero_bench.records.journal import Sample

HarnessFigures = TypedDict(
    "HarnessFigures",
    {
        "results": dict[str, dict[str, float]],
        "n-shot": NotRequired[dict[str, int]],
        "versions": NotRequired[dict[str, object]],
    },
)
"""A harness's own figures for a policy, by task or data set and then by metric, as they are recorded."""


class HarnessTask(DynamicTask):
    """A harness's benchmark, which has only a test set. `sdzero-bench eval --harness` evaluates on it."""

    splits = ("test",)

    def load(self, split: Split) -> QuestionSet:
        if split != "test":
            raise NoSuchSplit(
                f"{self.name} has no {split} questions, only test; harnesses are for evaluation, not for training"
            )
        return self.load_test()

    @abstractmethod
    def load_test(self) -> QuestionSet:
        """All questions, in the harness's order. Raises `UserError` if they cannot be loaded."""

    @abstractmethod
    def usual_evaluation(self) -> dict[str, float]:
        """The harness's default sampling settings, as keys of the section `evaluation`."""

    @abstractmethod
    def harness_figures(self, questions: QuestionSet, samples: Sequence[Sample]) -> HarnessFigures:
        """The harness's own figures for the samples, under its own names."""


def cut(response: str, stops: list[str]) -> str:
    """The response truncated at the first stop sequence; our engine samples to the end of the turn."""
    ends = [at for stop in stops if stop and (at := response.find(stop)) >= 0]
    return response[: min(ends)] if ends else response
