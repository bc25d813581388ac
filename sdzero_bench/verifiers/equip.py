"""Set up and check what a task's verifier needs, before the first sample is drawn."""

from __future__ import annotations

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Task

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
    """Raise `UserError`, with a count and ids, if gold answers cannot be compared with responses."""
    for questions in sets:
        if reasons := task.unreadable(questions):
            some = "; ".join(f"{id} ({reason})" for id, reason in list(reasons.items())[:SHOWN])
            more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
            advice = "leave them out with --set task.unreadable=drop" if hasattr(task.options, "unreadable") else "remove them"
            count = f"{len(reasons)} of {len(questions)} gold answers of {questions.name}"
            raise UserError(f"{count} cannot be read: {some}{more}; correct them, or {advice}")
