"""Two runs, or two methods over all their seeds, compared question by question."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sdzero_bench.api.axes import axes
from sdzero_bench.api.frame_columns import QUESTIONS, frame
from sdzero_bench.api.html_fragment import fragment
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import mean
from sdzero_bench.core.stats.significance import EXPLORATORY, MARGIN, SIGNIFICANT, Decision
from sdzero_bench.core.text import as_written, counted, with_interval
from sdzero_bench.records.reader import RunRecord, by_question
from sdzero_bench.report.leaderboard.comparison import Change, compare_runs
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.leaderboard_notes import probability
from sdzero_bench.report.leaderboard.pairs import exploratory
from sdzero_bench.report.rendering.blocks import Heading, Notes, Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class PairedComparison:
    """`after` - `before`, paired by question. All accuracies and differences are shares."""

    before: str
    """A run or a method."""
    after: str
    task: str
    before_avg: Estimate
    after_avg: Estimate
    difference: Estimate
    p: float
    p_equivalent: float
    """Of equivalence within the margin."""
    detectable: float | None
    """The smallest true difference that is found with 80 % power."""
    decision: Decision
    """Whether `after` is higher or lower, the two are equivalent, or the comparison is underpowered, at level `alpha`."""
    alpha: float
    """0.05 for two runs; 0.005 for two methods, a pair that no correction for many comparisons covers."""
    scores: dict[str, tuple[float, float]]
    """Before and after by question id: share of right samples, mean over seeds."""
    warnings: tuple[str, ...] = ()
    """What else may explain the difference."""
    gained: tuple[Change, ...] = ()
    """Of two runs: questions from incorrect to correct, each with a response of either side; the largest change first."""
    lost: tuple[Change, ...] = ()

    @cached_property
    def questions(self) -> pd.DataFrame:
        """One row per test question."""
        rows = (
            {"question_id": question, "before": before, "after": after, "difference": after - before}
            for question, (before, after) in self.scores.items()
        )
        return frame(rows, QUESTIONS)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The difference of each question in points, in ascending order, and their mean with its 95 % interval."""
        panel, d = axes(ax), self.difference
        points = 100 * np.sort(self.questions["difference"].to_numpy())
        panel.fill_between(np.arange(len(points)), points, step="mid", color="#0072b2", alpha=0.5, linewidth=0)
        panel.axhline(100 * d.mean, color="#d55e00", label=f"mean {with_interval(d.mean, d.interval)}")
        panel.axhspan(100 * d.low, 100 * d.high, color="#d55e00", alpha=0.2, linewidth=0)
        panel.set(xlabel="test questions, sorted", ylabel="difference (pts)")
        panel.set_title(as_written(f"{self.after} - {self.before}, {self.task}"), fontsize=9, wrap=True)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
        return panel

    def __repr__(self) -> str:
        d = self.difference
        return (
            f"PairedComparison({self.after} - {self.before} on {self.task}: {with_interval(d.mean, d.interval)} pts, "
            f"p = {probability(self.p)}, {self.decision})"
        ).replace("= <", "<")

    def _repr_html_(self) -> str:
        sides = [[name, with_interval(avg.mean, avg.interval)] for name, avg in self._sides]
        d = self.difference
        row = [f"{self.after} - {self.before}", with_interval(d.mean, d.interval)]
        said = [
            f"p = {probability(self.p)}, p of equivalence = {probability(self.p_equivalent)}; at level {self.alpha:g}: "
            f"{self.decision}".replace("= <", "<"),
            f"Paired over {counted(len(self.scores), 'question')}; intervals: 95 %.",
            *self.warnings,
        ]
        heading = Heading(4, f"{self.after} - {self.before}, {self.task}")
        return fragment([heading, Table(["", "avg@k (%), difference (pts)"], [*sides, row]), Notes(said)])

    @property
    def _sides(self) -> list[tuple[str, Estimate]]:
        return [(self.before, self.before_avg), (self.after, self.after_avg)]


def of_runs(before: RunRecord, after: RunRecord, policy: str | None = None) -> PairedComparison:
    """As `sdzero-bench compare` has it: one seed on each side. Raises `UserError` for runs that were not measured alike."""
    found = compare_runs(before, after, policy)
    entries = [run.entry(side.policy) for run, side in ((before, found.before), (after, found.after))]
    measured = [entry for entry in entries if entry is not None]
    rows = by_question(measured, "avg") or []
    return PairedComparison(
        before=before.run_id,
        after=after.run_id,
        task=before.task,
        before_avg=found.before.avg,
        after_avg=found.after.avg,
        difference=found.difference,
        p=found.p,
        p_equivalent=found.p_equivalent,
        detectable=found.detectable,
        decision=found.decision,
        alpha=SIGNIFICANT,
        scores=dict(zip(measured[0].per_question.avg, zip(*rows, strict=True), strict=True)),
        warnings=found.warnings,
        gained=found.gained,
        lost=found.lost,
    )


def of_methods(before: Row, after: Row, task: str, margin: float = MARGIN) -> PairedComparison:
    """The pair of a leaderboard: all seeds of two rows of one table. Raises `UserError` if they are the same row."""
    if before.label == after.label:
        raise UserError(f"{before.label!r} is compared with itself; name two methods")
    (pair,) = exploratory({row.label: row for row in (before, after)}, margin)
    if pair.before != before.label:
        pair = -pair
    order = list(before.entries[0].per_question.avg)
    theirs = list(after.entries[0].per_question.avg)
    by_id = [dict(zip(ids, row.avg.mean(axis=0), strict=True)) for ids, row in ((order, before), (theirs, after))]
    return PairedComparison(
        before=before.label,
        after=after.label,
        task=task,
        before_avg=mean(before.avg),
        after_avg=mean(after.avg),
        difference=pair.difference,
        p=pair.p,
        p_equivalent=pair.p_equivalent,
        detectable=pair.detectable,
        decision=pair.decision,
        alpha=EXPLORATORY,
        scores={question: (float(by_id[0][question]), float(by_id[1][question])) for question in order},
    )
