"""Trained policies on further benchmarks: what a run measures by itself are its own task's test questions alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.reader import BASE, RunRecord
from sdzero_bench.records.schema import Origin
from sdzero_bench.report.reproduce.cells import Cell, Setting
from sdzero_bench.report.reproduce.experiment import Experiment
from sdzero_bench.report.reproduce.row_figures import TaskFigures, of_task
from sdzero_bench.report.reproduce.shelf import Shelf
from sdzero_bench.runs.config import validate
from sdzero_bench.runs.evaluation.standalone import settings_for, subject
from sdzero_bench.runs.sweep.grid import PlannedRun, planned


@dataclass(frozen=True)
class Measurement:
    """One policy of a finished run on one benchmark."""

    cell: Cell
    benchmark: str
    record: RunRecord | None
    """None where it has yet to be made."""
    config: RunConfig | None = None
    """Of what has yet to be made."""
    origin: Origin | None = None
    """The run that the policy is from, for the record."""

    def planned(self, out: Path) -> PlannedRun:
        assert self.config is not None
        return planned(self.config, out, note=f"({self.cell.variant} s{self.cell.seed})", origin=self.origin)


def measurements(experiment: Experiment, found: Sequence[Cell], setting: Setting, shelf: Shelf) -> list[Measurement]:
    """Those of the cells whose runs are finished.

    Raises `UserError` for a run whose checkpoints are gone, as those of a packed record are, before all of it is measured.
    """
    by_task = experiment.on(setting.preset).benchmarks
    runs = [(cell, shelf.find(cell.config)) for cell in found]
    return [
        _measurement(experiment, cell, run, benchmark, setting, shelf)
        for cell, run in runs
        if run is not None
        for benchmark in by_task.get(cell.task, ())
    ]


def on_benchmarks(experiment: Experiment, found: Sequence[Cell], setting: Setting, shelf: Shelf) -> list[TaskFigures]:
    """Figures of what is measured so far, benchmark by benchmark."""
    grouped: dict[tuple[str, str], list[tuple[Cell, RunRecord | None]]] = defaultdict(list)
    for m in measurements(experiment, found, setting, shelf):
        grouped[m.cell.task, m.benchmark].append((m.cell, m.record))
    return [of_task(experiment, benchmark, rows, benchmark=True) for (_, benchmark), rows in grouped.items()]


def _measurement(
    experiment: Experiment, cell: Cell, run: RunRecord, benchmark: str, setting: Setting, shelf: Shelf
) -> Measurement:
    variant = experiment.variants[cell.variant]
    policy = BASE if variant.method == BASE else variant.policy
    entry = run.entry(policy)
    if entry is None:
        raise UserError(f"{str(run.folder)!r} measured no policy {policy!r}")
    checkpoint = entry.checkpoint
    if (known := shelf.measured(run, checkpoint, benchmark)) is not None:
        return Measurement(cell, benchmark, known)
    measured = subject(str(run.folder if policy == BASE else run.folder / "checkpoints" / checkpoint))
    config = settings_for(measured, setting.preset, benchmark, list(setting.assignments))
    return Measurement(cell, benchmark, None, validate(config), measured.origin)
