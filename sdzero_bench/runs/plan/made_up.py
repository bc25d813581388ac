"""Made-up sequences, as long as those of a training phase are expected to be: its steps can be timed without sampling."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Sample
from sdzero_bench.training.cost import Passes, TypicalSample
from sdzero_bench.training.on_policy import Attempt, RolloutRow
from sdzero_bench.training.supervised import Example

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class MadeUp:
    """Random tokens of a vocabulary. Of a batch of rollouts, the first is the longest; their mean is that of `drawn`."""

    def __init__(self, question: Question, vocabulary: int, passes: Passes, drawn: TypicalSample, longest: float) -> None:
        self.question, self.passes, self.drawn, self.longest = question, passes, drawn, longest
        self.vocabulary, self.rng = vocabulary, random.Random(0)
        self.teacher_prefix = self.ids(passes.teacher - drawn.new)

    def ids(self, count: float) -> tuple[int, ...]:
        return tuple(self.rng.randrange(self.vocabulary) for _ in range(max(1, round(count))))

    def example(self) -> Example:
        """The first half of a sequence as the context, the rest as the target."""
        half = self.passes.student / 2
        return Example(self.ids(half), self.ids(self.passes.student - half))

    def rollout(self, policy: PreTrainedModel, step: int, rows: Sequence[RolloutRow]) -> list[Attempt]:
        """An attempt per row, correct and incorrect by turns."""
        others = (len(rows) * self.drawn.new - self.longest) / max(1, len(rows) - 1)
        lengths = [self.longest, *[others] * (len(rows) - 1)]
        return [Attempt(self.question, self._sample(i, length)) for i, length in enumerate(lengths)]

    def teacher_context(self, attempt: Attempt, ids: Sequence[int]) -> Sequence[int]:
        return self.teacher_prefix

    def _sample(self, number: int, length: float) -> Sample:
        verdict = Verdict(float(number % 2))
        return Sample("", self.question.id, str(number), 0, "", "", 0, self.ids(length), "", "stop", verdict, "")
