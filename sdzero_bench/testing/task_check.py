"""Everything that the suite's own tests ask of a task."""

from __future__ import annotations

from rich.console import Console

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Task
from sdzero_bench.questions.proofs.proof import prove
from sdzero_bench.verifiers.equip import equip


def check_task(task: type[Task], options: dict[str, object] | None = None, limit: int | None = None) -> list[str]:
    """What is wrong with a task, in words; nothing if it keeps what every task promises.

    As `sdzero-bench tasks check` has it: splits that stay the same and apart, gold answers that earn 1, tampered ones 0.

    options:
        As for `--set task.KEY=VALUE`, without the `task.`.
    limit:
        Check only the first questions of each split.
    """
    settings = VerifyingConfig()
    try:
        equipped = equip(task(task.Options(**(options or {}))), settings)
        findings = prove(equipped, settings, ProgressDisplay(Console(quiet=True)), limit=limit)
    except UserError as error:
        return [str(error)]
    return [f"{finding.check}: {finding.found}" for finding in findings if finding.state == "failed"]
