"""Set up and check what a task's verifier needs, before the first sample is drawn."""

from __future__ import annotations

import math

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Task
from sdzero_bench.verifiers.in_worker import in_words

SHOWN = 10
"""How many ids an error names."""


def equip(task: Task, settings: VerifyingConfig) -> Task:
    """The task, with a sandbox if its verifier runs programs.

    Raises `UserError` if no sandbox works on this machine, or only a weaker one than allowed.
    """
    if task.needs_sandbox:
        from sdzero_bench.verifiers.sandbox import find_sandbox

        task.sandbox = find_sandbox(settings.allow_weaker_sandbox)
    return task


def require_readable(task: Task, *sets: QuestionSet) -> None:
    """Raise `UserError`, with a count and ids, if gold answers cannot be compared with responses, or have no time limit."""
    for questions in sets:
        _require_limits(task, questions)
        if reasons := task.unreadable(questions):
            some = "; ".join(f"{id} ({reason})" for id, reason in list(reasons.items())[:SHOWN])
            more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
            advice = "leave them out with --set task.unreadable=drop" if hasattr(task.options, "unreadable") else "remove them"
            count = f"{len(reasons)} of {len(questions)} gold answers of {questions.name}"
            raise UserError(f"{count} cannot be read: {some}{more}; correct them, or {advice}")


def _require_limits(task: Task, questions: QuestionSet) -> None:
    for question in questions:
        try:
            limit: object = task.time_limit(question)
        except Exception as error:
            what = f"raises {in_words(error)}"
        else:
            if limit is None or (isinstance(limit, float | int) and 0 < limit < math.inf):
                continue
            what = f"returns {limit!r}, which is no number of seconds"
        raise UserError(f"question {question.id!r} of {questions.name}: time_limit of the task {task.name!r} {what}")
