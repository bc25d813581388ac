"""Checks every run of a sweep before the first one starts."""

from __future__ import annotations

from collections.abc import Iterable

from sdzero_bench.core.distributed import ALONE, Ranks, require_supported
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.runs.session import Session
from sdzero_bench.runs.sweep.grid import PlannedRun


def refuse_early(runs: Iterable[PlannedRun], ranks: Ranks = ALONE, shards: bool = False) -> None:
    """Raise the `UserError` that a run would raise at its start, such as for missing questions or a plan over budget.

    Each run has so many processes (`ranks`), which shard the weights or not.
    """
    seen = set()
    for run in runs:
        require_supported(run.config, ranks, shards)
        # Seed and optimizer do not affect which questions are loaded or how many samples are planned.
        decides = run.config.model_dump_json(exclude={"seed", "optimizer"})
        if decides not in seen:
            seen.add(decides)
            Session(run.config, ProgressDisplay())
