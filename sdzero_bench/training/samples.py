"""Samples of a phase, by question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.records.journal import Sample


def by_question(questions: QuestionSet, samples: Sequence[Sample]) -> Iterator[tuple[Question, list[Sample]]]:
    """Each question with its own samples, in the order of the questions; those without samples are left out."""
    own: dict[str, list[Sample]] = {}
    for sample in samples:
        own.setdefault(sample.question_id, []).append(sample)
    for question in questions:
        if question.id in own:
            yield question, own[question.id]
