"""What a run would refuse at its start, refused before any run of the sweep starts."""

from __future__ import annotations

from collections.abc import Iterable

from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.runs.session import Session
from sdzero_bench.runs.sweep.grid import PlannedRun


def refuse_early(runs: Iterable[PlannedRun]) -> None:
    """Raise the `UserError` that a run would meet at its start: questions that cannot be had, a plan over its budget."""
    seen = set()
    for run in runs:
        # Neither seed nor optimiser changes which questions are loaded or how many samples are planned.
        decides = run.config.model_dump_json(exclude={"seed", "optimizer"})
        if decides not in seen:
            seen.add(decides)
            Session(run.config, ProgressDisplay())
