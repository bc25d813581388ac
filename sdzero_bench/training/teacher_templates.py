"""Templates of what a teacher reads: the user's turn with an addition that the student does not see."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator

from sdzero_bench.core.question import Question
from sdzero_bench.records.journal import Sample
from sdzero_bench.training.on_policy import Attempt


def fields_of(template: str) -> set[str]:
    """The names in braces. Raises `ValueError` for what is not a template."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def with_fields(*names: str) -> Callable[[str], str]:
    """A check that a template contains these fields in braces and no others. It raises `ValueError` otherwise."""

    def check(template: str) -> str:
        try:
            found = fields_of(template)
        except ValueError as error:
            raise ValueError(f"not a template: {error}") from error
        if found != set(names):
            raise ValueError(f"a template must contain {' and '.join('{' + name + '}' for name in names)}, each in braces")
        return template

    return check


SolutionTemplate = Annotated[str, AfterValidator(with_fields("prompt", "solution"))]
"""An option: the user's turn as the teacher reads it, with {prompt}, the turn as the student reads it, and {solution}."""

FeedbackTemplate = Annotated[str, AfterValidator(with_fields("prompt", "attempt", "feedback"))]
"""The same with {prompt}, {attempt}, a response judged wrong, and {feedback}, the verifier's message about it."""


VerdictTemplate = Annotated[str, AfterValidator(with_fields("prompt", "solution", "verdict"))]
"""The same with {prompt}, {solution} and {verdict}, "correct" or "incorrect", on the response that is taught."""


def answer_alone(question: Question) -> str:
    """The gold answer in the place of a solution."""
    return f"The answer is {question.answer}."


def sibling_of(attempt: Attempt, right: bool) -> Sample | None:
    """The first other rollout of the group that is correct, or incorrect."""
    return next((sample for sample in attempt.siblings if sample.verdict.reward == float(right)), None)
