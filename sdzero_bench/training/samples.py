"""Samples of a phase: by question, and whether there is anything to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.records.journal import Sample

LEAST = 0.01
"""Share of right samples below which there is next to nothing to learn from."""
NOTHING_RIGHT = (
    "almost none of the base's answers is right, so there is next to nothing to learn from. Read some of them with "
    "`sdzero-bench inspect FOLDER`. Usual causes: the prompt asks for another form of answer than the verifier reads; "
    "responses are cut off (max_new_tokens); or the model does not know such questions, as the embedded model knows only "
    "those of its own tasks. `sdzero-bench tasks check TASK --model MODEL` tells them apart"
)


def nothing_right(samples: Sequence[Sample]) -> bool:
    """Whether almost none of the samples that have a verdict is right."""
    verified = [sample.right for sample in samples if sample.verdict.reward is not None]
    return bool(verified) and sum(verified) < LEAST * len(verified)


def by_question(questions: QuestionSet, samples: Sequence[Sample]) -> Iterator[tuple[Question, list[Sample]]]:
    """Each question with its own samples, in the order of the questions; those without samples are left out."""
    own: dict[str, list[Sample]] = {}
    for sample in samples:
        own.setdefault(sample.question_id, []).append(sample)
    for question in questions:
        if question.id in own:
            yield question, own[question.id]
