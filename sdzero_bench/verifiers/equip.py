"""Set up what a task's verifier needs on this machine, before the first sample is drawn."""

from __future__ import annotations

from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Task


def equip(task: Task, settings: VerifyingConfig) -> Task:
    """The task, with a sandbox if its verifier runs programs.

    Raises `UserError` if no sandbox works on this machine, or only a weaker one than allowed.
    """
    if task.needs_sandbox:
        from sdzero_bench.verifiers.sandbox import find_sandbox

        task.sandbox = find_sandbox(settings.allow_weaker_sandbox)
    return task
