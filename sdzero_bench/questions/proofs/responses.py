"""Responses whose verdict is known: right ones made from the gold answer, and wrong ones made from the right."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task

SHORT = 12
"""Characters of an answer that is more likely a word, one of few, than a text."""


def right_responses(task: Task, question: Question) -> list[str]:
    """The gold answer stated, and the worked solution, as far as the task has them; of programs only the latter."""
    stated = [] if task.needs_sandbox or not question.answer else [task.stated(question.answer)]
    demonstration = task.demonstration(question)
    return stated if demonstration is None else [*stated, demonstration]


def wrong_responses(task: Task, question: Question, others: Sequence[Question]) -> list[str]:
    """An empty response, and a tampered answer; or where answers are programs, one that does nothing."""
    if task.needs_sandbox:
        return ["", "```python\npass\n```", "```cpp\nint main() { return 0; }\n```"]
    other = tampered(question.answer, [q.answer for q in others])
    return ["", task.stated(other)] if other else [""]


def borrowed_response(task: Task, question: Question, others: Sequence[Question]) -> str | None:
    """The program of another question. It may do the same as the gold one: then it is right, and no fault of the tests."""
    own = task.demonstration(question)
    programs = (task.demonstration(other) for other in others) if task.needs_sandbox else ()
    return next((program for program in programs if program is not None and program != own), None)


def tampered(answer: str, others: Sequence[str]) -> str | None:
    """Another answer of the same kind: its first number changed by far; or another question's, or its first half.

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
