"""The runs below some folders, whole or packed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from sdzero_bench.api.frame_columns import RUN, RUNS, frame
from sdzero_bench.api.html_fragment import fragment
from sdzero_bench.api.named import UnknownName
from sdzero_bench.api.paired import PairedComparison, of_methods, of_runs
from sdzero_bench.api.record import Record
from sdzero_bench.api.run_frames import RunFrames, method_of
from sdzero_bench.api.standings import Leaderboard
from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import counted
from sdzero_bench.records.reader import BASE, FINAL, RunRecord, load_runs
from sdzero_bench.report.leaderboard.curve_views import View
from sdzero_bench.report.leaderboard.evaluations import policy as measured
from sdzero_bench.report.leaderboard.grouping import Collection, Group, collect
from sdzero_bench.report.rendering.blocks import DASH, Heading, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def load(*folders: str | os.PathLike[str]) -> Records:
    """The runs at or below the folders, whole or packed, at any depth; one that is below two of them counts once.

    Manifests and evaluations are read at once, everything else when it is looked at. Raises `UserError` if a folder has no run,
    and for damaged files.
    """
    if not folders:
        raise UserError("which folder? give one that holds run folders, such as runs")
    return Records(load_runs(*(Path(folder).expanduser() for folder in folders)))


class Records(RunFrames, Sequence[Record]):
    """Runs in the order of their folders. `records[0]` and `records["RUN_ID"]` are one run, `records[:10]` several."""

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, unfinished ones included."""
        return frame(map(_row, self._records), RUNS)

    @overload
    def __getitem__(self, index: int | str) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | str | slice) -> Record | Records:
        """Raises `UnknownName`, a `UserError` and a `KeyError`, for a name that no run has."""
        if isinstance(index, slice):
            return Records(self._records[index])
        if not isinstance(index, str):
            return Record(self._records[index])
        if index not in self._by_id:
            raise UnknownName(str(unknown("run", index, self._by_id)))
        return Record(self._by_id[index])

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return map(Record, self._records)

    def __contains__(self, run: object) -> bool:
        """Whether the run, or one of that name, is among them."""
        return run in self._by_id if isinstance(run, str) else any(run == own for own in self)

    def where(self, **values: Any) -> Records:
        """The runs with these values in columns of `runs`: `where(method="rft", seed=[0, 1])`; a list means any of its values.

        Raises `UserError` for an unknown column, and for a value that no run has.
        """
        chosen = list(self._records)
        for name, wanted in values.items():
            if name not in RUNS:
                raise unknown("column of runs", name, RUNS)
            column = self.runs[name]
            some = list(wanted) if isinstance(wanted, list | tuple | set | range) else [wanted]
            if missing := [value for value in some if value not in set(column.dropna())]:
                raise unknown(name, str(missing[0]), map(str, column.dropna().unique()))
            kept = {id(run) for run, keep in zip(self._records, column.isin(some), strict=True) if keep}
            chosen = [run for run in chosen if id(run) in kept]
        return Records(chosen)

    def leaderboard(self, reference: str | None = None, margin: float = 100 * MARGIN) -> Leaderboard:
        """Methods ranked as by `sdzero-bench report`.

        reference:
            Row that differences are relative to; by default the base.
        margin:
            Points of avg@k within which two rows count as equivalent.

        Raises `UserError` if no run is finished, for a reference that has no row, and for a margin out of range.
        """
        if not 0.1 <= margin <= 50:
            raise UserError(f"margin: {margin:g} points; it is between 0.1 and 50")
        if (reference, margin) not in self._leaderboards:
            self._leaderboards[reference, margin] = Leaderboard(self._collection, reference, margin / 100)
        return self._leaderboards[reference, margin]

    def compare(
        self, before: str | Record, after: str | Record, task: str | None = None, policy: str | None = None
    ) -> PairedComparison:
        """`after` - `before`, paired by question: of two runs, or of two methods over all their seeds.

        A run is a `Record` or its name, a method the label of its row in the leaderboard. `task`: needed if two methods stand
        together in several tables. `policy` of two runs: by default the final one.

        Raises `UserError` for unknown names, and for runs that were not measured alike.
        """
        sides = (before, after)
        runs = [side for side in sides if isinstance(side, Record) or side in self._by_id]
        if len(runs) == 2:
            first, second = (self[side] if isinstance(side, str) else side for side in runs)
            return of_runs(first.record, second.record, policy)
        labels = [side for side in sides if isinstance(side, str)]
        if len(labels) < 2 or any(side not in self._labels for side in runs):
            raise UserError("a run is not compared with a method; name two runs, or two methods")
        if policy is not None:
            raise UserError("policy= is for two runs; methods are compared by their final policies")
        group = self._group(labels, task)
        rows = [row for label in labels if (row := group.row(label)) is not None]
        return of_methods(rows[0], rows[1], group.task)

    def plot_learning_curves(self, x: View = "training samples", task: str | None = None, ax: Axes | None = None) -> Axes:
        """As `Leaderboard.plot_learning_curves`."""
        return self.leaderboard().plot_learning_curves(x, task, ax)

    def plot_efficiency(self, task: str | None = None, ax: Axes | None = None) -> Axes:
        """As `Leaderboard.plot_efficiency`."""
        return self.leaderboard().plot_efficiency(task, ax)

    def __repr__(self) -> str:
        methods, tasks = (", ".join(sorted(set(self.runs[name]))) for name in ("method", "task"))
        return f"Records({counted(len(self), 'run')}; methods: {methods}; tasks: {tasks})"

    def _repr_html_(self) -> str:
        counts = Counter((run.method, run.task) for run in self._records)
        methods, tasks = (sorted({pair[place] for pair in counts}) for place in (0, 1))
        rows = [[method, *(str(counts[method, task] or DASH) for task in tasks)] for method in methods]
        return fragment([Heading(4, counted(len(self), "run")), Table(["method", *tasks], rows)])

    @cached_property
    def _by_id(self) -> dict[str, RunRecord]:
        """The first run of each name."""
        return {run.run_id: run for run in reversed(self._records)}

    @cached_property
    def _collection(self) -> Collection:
        return collect(self._records)

    @cached_property
    def _labels(self) -> set[str]:
        """Rows of any table."""
        return {row.label for board in self._collection.boards for group in board for row in group.rows}

    @cached_property
    def _leaderboards(self) -> dict[tuple[str | None, float], Leaderboard]:
        return {}

    def _group(self, labels: Sequence[str], task: str | None) -> Group:
        """The table that has all of these rows."""
        groups = [group for board in self._collection.boards for group in board]
        tasks = {group.task for group in groups}
        if task is not None and task not in tasks:
            raise unknown("task of the leaderboard", task, tasks)
        groups = [group for group in groups if task in (None, group.task)]
        for label in labels:
            if not any(group.row(label) for group in groups):
                known = {row.label for group in groups for row in group.rows}
                raise unknown("run or method", label, known)
        found = [group for group in groups if all(group.row(label) for label in labels)]
        if not found:
            raise UserError(f"{' and '.join(labels)} stand in no table together: their runs were made under other conditions")
        if len(found) > 1:
            where = ", ".join(group.task for group in found)
            raise UserError(f"{' and '.join(labels)} stand in {len(found)} tables ({where}); name one with task=, or where()")
        return found[0]


def _row(run: RunRecord) -> dict[str, Any]:
    ranked = run.entry(BASE if run.is_base else FINAL)
    budget = run.written and run.written.budget
    return {name: getattr(run, name) for name in (*RUN, "state")} | {
        "method": method_of(run),
        "preset": run.config.preset,
        "model": run.config.model.name,
        "bench_version": run.manifest.bench_version,
        "question_set": run.manifest.question_set,
        "test_set": run.manifest.test_set,
        "train_questions": budget and budget.questions,
        "budget_samples": budget and budget.samples,
        "training_samples": run.training_samples if run.finished else None,
        "avg_at_k": ranked and ranked.avg_at_k,
        "origin": measured(run) if run.measured_alone else None,
        "folder": str(run.folder),
    }
