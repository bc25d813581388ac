"""The figures of a leaderboard: methods with intervals, pairs with p-values, and the ranks and groups that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import mean
from sdzero_bench.core.stats.letters import letters
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.report.leaderboard import families
from sdzero_bench.report.leaderboard.columns import Beside, figure
from sdzero_bench.report.leaderboard.costs import Cost, cost
from sdzero_bench.report.leaderboard.curves_of_rows import CurvesOfTable, curves_of
from sdzero_bench.report.leaderboard.grouping import BASE_LABEL, Collection, Group, Row
from sdzero_bench.report.leaderboard.pairs import Pair, against, exploratory


@dataclass(frozen=True)
class Standing:
    """One row of a table."""

    row: Row
    rank: int | None
    """1 + the number of rows that are better in an exploratory comparison; None for a control or an unverified submission."""
    place: int | None
    """The rank that an unverified submission would have; that of no other row counts it."""
    group: str
    """Letters of a compact letter display: rows that share one do not differ in exploratory comparisons. A control has none."""
    avg: Estimate
    best: Estimate
    """pass@k."""
    majority: Estimate | None
    """maj@k; None where there are no answers to vote on."""
    tokens: Estimate
    over_reference: Pair | None
    over_base: Pair | None
    unverified: int
    """Samples that failed to verify; they count neither as correct nor as incorrect."""
    cost: Cost

    @property
    def label(self) -> str:
        return self.row.label

    @property
    def by_seed(self) -> dict[int, float]:
        """avg@k of each training seed."""
        return {run.seed: float(scores.mean()) for run, scores in zip(self.row.runs, self.row.avg, strict=True)}

    @property
    def supervision(self) -> str:
        return "; ".join(dict.fromkeys(run.result.supervision for run in self.row.runs)) if not self.row.is_base else "none"


@dataclass(frozen=True)
class PartFigures:
    """avg@k on one part of the training questions, and the whole for comparison."""

    questions: int
    avg: dict[str, Estimate]
    samples: dict[str, float]


@dataclass(frozen=True)
class TaskTable:
    """One task under one set of conditions, highest mean first; controls come last."""

    group: Group
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    """All pairs of ranked rows, which are exploratory."""
    parts: tuple[PartFigures, ...]
    reference: str | None
    base: str | None
    """The label of the base's row, if it was measured."""
    margin: float
    """Differences within it count as equivalent."""

    @property
    def rows(self) -> list[Row]:
        return [standing.row for standing in self.standings]

    @property
    def samples_per_question(self) -> int:
        return int(self.group.conditions["evaluation.samples"])

    @property
    def has_seeds(self) -> bool:
        return any(len(standing.row.runs) > 1 for standing in self.standings)

    @property
    def beside(self) -> Beside:
        """What the columns of the table compare rows with."""
        pairs = {s.label: s.over_reference for s in self.standings if s.over_reference}
        over_base = {s.label: s.over_base for s in self.standings if s.over_base}
        base = next((s.avg.mean for s in self.standings if s.row.is_base), None)
        return Beside(self.reference, pairs, self.base, over_base, base, self.margin)

    @cached_property
    def curves(self) -> CurvesOfTable | None:
        """The learning curves of its rows, if they have any."""
        return curves_of(self.rows)

    def standing(self, label: str) -> Standing | None:
        return next((standing for standing in self.standings if standing.label == label), None)


def build(group: Group, reference: str | None = None, margin: float = MARGIN) -> TaskTable:
    """The table of one group. Differences are to the base, if it was measured, and to `reference`, a row's label.

    Without a reference that is the base. Differences within `margin` count as equivalent. Raises `UserError` if the reference
    has no row.
    """
    rows = group.rows
    if reference is not None and group.row(reference) is None:
        raise UserError(f"no row {reference!r} to compare with; there are: {', '.join(row.label for row in rows)}")
    base_label = next((row.label for row in rows if row.is_base), None)
    chosen = reference or base_label
    by_label = {row.label: row for row in rows}
    pairs = exploratory({label: row for label, row in by_label.items() if row.is_ranked}, margin)
    over = {label: against(by_label, label, families.family(label), margin) for label in {chosen, base_label} if label}
    averages = _averages(rows)
    base = averages.get(base_label or BASE_LABEL)
    order = sorted(rows, key=lambda row: (row.is_control, -averages[row.label].mean, row.label))
    ranked = [row.label for row in order if row.is_ranked]
    groups = letters(ranked, [(p.before, p.after) for p in pairs if p.significant])

    standings = [
        Standing(
            row=row,
            rank=1 + sum(_beats(pair, row.label) for pair in pairs) if row.is_ranked else None,
            place=None if row.is_ranked or row.is_control else _place(row, [by_label[label] for label in ranked]),
            group=groups.get(row.label, ""),
            avg=averages[row.label],
            best=_required(row, "pass"),
            majority=figure(row, "maj"),
            tokens=_required(row, "tokens"),
            over_reference=over[chosen].get(row.label) if chosen else None,
            over_base=over[base_label].get(row.label) if base_label else None,
            unverified=sum(entry.unverified for entry in row.entries),
            cost=cost(row, averages[row.label].mean, base.mean if base else None),
        )
        for row in order
    ]
    return TaskTable(group, tuple(standings), tuple(pairs), _parts(group), chosen, base_label, margin)


def boards_of(collection: Collection, reference: str | None = None, margin: float = MARGIN) -> list[list[TaskTable]]:
    """The tables of all boards. Raises `UserError` for a reference that has no row in any of them."""
    labels = sorted({row.label for board in collection.boards for group in board for row in group.rows})
    if reference is not None and reference not in labels:
        raise UserError(f"the reference {reference!r} is not a row of any table; there are: {', '.join(labels)}")
    return [
        [build(group, reference if reference and group.row(reference) else None, margin) for group in board]
        for board in collection.boards
    ]


def _beats(pair: Pair, label: str) -> bool:
    """Whether the other row of the pair is significantly better than this one."""
    return (label, pair.decision) in ((pair.before, "higher"), (pair.after, "lower"))


def _place(row: Row, ranked: Sequence[Row]) -> int:
    """The rank of a row if it were among the ranked ones, and no other one were added."""
    pairs = (pair for one in ranked for pair in exploratory({one.label: one, row.label: row}))
    return 1 + sum(_beats(pair, row.label) for pair in pairs)


def overall(tables: Sequence[TaskTable]) -> dict[str, float | None]:
    """Mean over the tasks of each ranked method; None for a method that lacks one. Highest first, incomplete last."""
    labels = sorted({s.label for table in tables for s in table.standings if s.rank is not None})
    means: dict[str, float | None] = {}
    for label in labels:
        found = [standing.avg.mean for table in tables if (standing := table.standing(label)) is not None]
        means[label] = sum(found) / len(found) if len(found) == len(tables) else None
    return dict(sorted(means.items(), key=lambda item: (item[1] is None, -(item[1] or 0), item[0])))


def _averages(rows: Sequence[Row]) -> dict[str, Estimate]:
    return {row.label: mean(row.avg) for row in rows}


def _required(row: Row, name: Literal["pass", "tokens"]) -> Estimate:
    """Raises `UserError` for a record that lacks the figure."""
    found = figure(row, name)
    if found is None:
        raise UserError(f"{str(row.runs[0].folder)!r} has no {name} by question; validate the record")
    return found


def _parts(group: Group) -> tuple[PartFigures, ...]:
    if not group.parts:
        return ()
    found = []
    for part in (*group.parts, group):
        rows = [row for row in part.rows if not row.is_base]
        samples = {row.label: sum(run.training_samples for run in row.runs) / len(row.runs) for row in rows}
        found.append(PartFigures(part.questions, _averages(rows), samples))
    return tuple(found)
