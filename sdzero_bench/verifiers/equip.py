"""What a task's verifier needs of this machine, found before the first sample is drawn."""

from __future__ import annotations

from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Task


def equip(task: Task, settings: VerifyingConfig) -> Task:
    """The task, with the sandbox that it runs programs in, if it does.

    Raises `UserError` if there is none on this machine, or only a weaker one than is allowed.
    """
    if task.needs_sandbox:
        from sdzero_bench.verifiers.sandbox import find_sandbox

        task.sandbox = find_sandbox(settings.allow_weaker_sandbox)
    return task
