"""The figures of an experiment's rows, from the records of their runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.records.reader import BASE, RunRecord
from sdzero_bench.report.leaderboard.columns import Beside, figure
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.pairs import Pair, against
from sdzero_bench.report.reproduce.cells import Cell
from sdzero_bench.report.reproduce.experiment import Experiment
from sdzero_bench.report.reproduce.shelf import Shelf


@dataclass(frozen=True)
class Measured:
    """One row on one task: a variant with its seeds."""

    label: str
    row: Row
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class TaskFigures:
    """An experiment on one task."""

    experiment: Experiment
    task: str
    rows: tuple[Measured, ...]
    """Those that have at least one seed, in the order of the experiment."""
    absent: tuple[str, ...]
    """Variants without a finished run."""
    incomplete: tuple[str, ...]
    """Variants that lack seeds."""
    outdated: tuple[RunRecord, ...] = ()
    """Runs of another major bench version than the newest of the table; they are not in it."""
    trained_on: str | None = None
    """The task that the policies were trained on, if it is a different one."""
    margin: float = MARGIN
    """Differences of avg@k within it count as equivalent."""

    def row(self, label: str) -> Measured | None:
        return next((row for row in self.rows if row.label == label), None)

    def estimates(self, name: Literal["avg", "pass", "maj", "tokens"]) -> dict[str, Estimate]:
        """Rows that have no such figure are left out."""
        return {row.label: found for row in self.rows if (found := figure(row.row, name)) is not None}

    @cached_property
    def differences(self) -> dict[str, Pair]:
        """Of avg to the reference, by the label of the other row; none if the reference was not run."""
        reference = self.experiment.reference
        if self.row(reference) is None:
            return {}
        rows = {row.label: row.row for row in self.rows}
        return against(rows, reference, set(self.experiment.variants) - {reference}, self.margin)

    @property
    def beside(self) -> Beside:
        """What the columns compare rows with."""
        base = next((float(row.row.avg.mean()) for row in self.rows if row.row.is_base), None)
        return Beside(self.experiment.reference, self.differences, base=base, margin=self.margin)


Found = Sequence[tuple[Cell, RunRecord | None]]
"""Cells of one task, each with its record if there is one."""


def measure(experiment: Experiment, cells: Sequence[Cell], shelf: Shelf) -> list[TaskFigures]:
    """One for each task. Raises `UserError` if runs that are to be compared were measured on different questions."""
    by_task: dict[str, list[tuple[Cell, RunRecord | None]]] = defaultdict(list)
    for cell in cells:
        by_task[cell.task].append((cell, shelf.find(cell.config)))
    return [of_task(experiment, task, found) for task, found in by_task.items()]


def of_task(experiment: Experiment, task: str, found: Found, benchmark: bool = False) -> TaskFigures:
    """On one task; `benchmark`: the records measured a policy and nothing else. Raises `UserError` as `measure` does."""
    rows, absent, incomplete = [], [], []
    newest = max((run.major for _, run in found if run is not None), default=0)
    outdated = tuple({run.folder: run for _, run in found if run is not None and run.major < newest}.values())
    for label, variant in experiment.variants.items():
        wanted = [(cell.seed, run) for cell, run in found if cell.variant == label]
        there = [(seed, run) for seed, run in wanted if run is not None and run.major == newest]
        runs = tuple(run for _, run in there)
        lacking = sum(run is None for _, run in wanted)
        if lacking == len(wanted):
            absent.append(label)
        elif lacking:
            incomplete.append(label)
        if not runs:
            continue
        policy = BASE if benchmark or variant.method == BASE else variant.policy
        for run in runs:
            if run.entry(policy) is None:
                others = ", ".join(entry.policy for entry in run.evaluation)
                raise UserError(f"{str(run.folder)!r} measured no policy {policy!r}, but {others}")
        rows.append(Measured(label, Row(label, policy, runs), tuple(seed for seed, _ in there)))
    sets = {run.manifest.test_set: run.folder for row in rows for run in row.row.runs}
    if len(sets) > 1:
        one, other, *_ = map(str, sets.values())
        raise UserError(f"{one!r} and {other!r} were measured on different questions; run one of them again")
    trained_on = found[0][0].task if benchmark else None
    return TaskFigures(experiment, task, tuple(rows), tuple(absent), tuple(incomplete), outdated, trained_on)
