"""Responses whose verdict is known: correct ones made from the gold answer, and wrong ones made from the correct ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.verifiers.sandbox.languages import LANGUAGES

SHORT = 12
"""An answer of at most this many characters is probably a word from a small set, not a text."""


def right_responses(task: Task, question: Question) -> list[str]:
    """A response that states the gold answer, and the worked solution, if available; for programs, only the latter."""
    found = (task.right_response(question), task.demonstration(question))
    return [response for response in found if response is not None]


def wrong_responses(task: Task, question: Question, others: Sequence[Question]) -> list[str]:
    """An empty response, and those with a tampered answer; if answers are programs, programs that do nothing."""
    if task.needs_sandbox:
        return ["", *(f"```{language.name}\n{language.nothing}\n```" for language in LANGUAGES.values())]
    if tampering := task.wrong_responses(question):
        return ["", *tampering]
    other = tampered(question.answer, [q.answer for q in others])
    return ["", task.stated(other)] if other else [""]


def borrowed_response(task: Task, question: Question, others: Sequence[Question]) -> str | None:
    """The program of another question. It may do the same as the gold program; then it is correct, and the tests are fine."""
    own = task.demonstration(question)
    programs = (task.demonstration(other) for other in others) if task.needs_sandbox else ()
    return next((program for program in programs if program is not None and program != own), None)


def tampered(answer: str, others: Sequence[str]) -> str | None:
    """A wrong answer of the same kind: with its first number changed, or another question's answer, or its first half.

    None for an empty answer.
    """
    if number := re.search(r"[0-9]+", answer):
        return f"{answer[: number.start()]}{2 * int(number.group()) + 3}{answer[number.end() :]}"
    if len(answer) <= SHORT:
        for other in others:
            if other and other.strip().lower() != answer.strip().lower():
                return other
        return f"no {answer}" if answer else None
    return answer[: len(answer) // 2]
