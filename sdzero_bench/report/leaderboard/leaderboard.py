"""The figures of a leaderboard: every method with its intervals, every pair of methods with its p-value, ranks from those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import estimate, holm, p_value
from sdzero_bench.report.leaderboard.costs import Cost, cost
from sdzero_bench.report.leaderboard.grouping import BASE_LABEL, Group, Row

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Pair:
    """The paired difference `after` - `before` of two rows, over the same questions."""

    before: str
    after: str
    difference: Estimate
    p: float
    p_holm: float
    """Corrected over all pairs of the table."""

    @property
    def significant(self) -> bool:
        return self.p_holm < SIGNIFICANT


@dataclass(frozen=True)
class Standing:
    """One row of a table."""

    row: Row
    rank: int
    """1 + the number of rows that are significantly better."""
    avg: Estimate
    best: Estimate
    """pass@k."""
    majority: Estimate | None
    """maj@k; None where there are no answers to vote on."""
    tokens: Estimate
    over_reference: Pair | None
    unverified: int
    """Samples on which the verifier failed; they count neither as right nor as wrong."""
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
        return "; ".join(dict.fromkeys(run.result["supervision"] for run in self.row.runs)) if not self.row.is_base else "none"


@dataclass(frozen=True)
class PartFigures:
    """avg@k on one part of the training questions, and the whole for comparison."""

    questions: int
    avg: dict[str, Estimate]
    samples: dict[str, float]


@dataclass(frozen=True)
class TaskTable:
    """One task under one set of conditions, best mean first."""

    group: Group
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]
    parts: tuple[PartFigures, ...]
    reference: str | None

    @property
    def samples_per_question(self) -> int:
        return self.group.conditions["evaluation.samples"]

    @property
    def pass_at(self) -> int:
        return self.group.conditions["evaluation.pass_at"]

    @property
    def has_seeds(self) -> bool:
        return any(len(standing.row.runs) > 1 for standing in self.standings)

    def standing(self, label: str) -> Standing | None:
        return next((standing for standing in self.standings if standing.label == label), None)


def build(group: Group, reference: str | None = None) -> TaskTable:
    """The table of one group. Differences are to `reference`, a row's label; by default to the base, if it was measured.

    Raises `UserError` if the reference has no row.
    """
    rows = group.rows
    if reference is not None and group.row(reference) is None:
        raise UserError(f"no row {reference!r} to compare with; there are: {', '.join(row.label for row in rows)}")
    chosen = reference or next((row.label for row in rows if row.is_base), None)
    pairs = _pairs(rows)
    averages = _averages(rows)
    figures: dict[str, list[Any]] = {name: _estimates(rows, name) for name in ("pass", "maj", "tokens")}
    base = averages.get(next((row.label for row in rows if row.is_base), BASE_LABEL))
    standings = [
        Standing(
            row=row,
            rank=1 + sum(_beats(pair, row.label) for pair in pairs),
            avg=averages[row.label],
            best=figures["pass"][i],
            majority=figures["maj"][i],
            tokens=figures["tokens"][i],
            over_reference=_towards(pairs, chosen, row.label),
            unverified=sum(entry["unverified"] for entry in row.entries),
            cost=cost(row, averages[row.label].mean, base.mean if base else None),
        )
        for i, row in enumerate(rows)
    ]
    standings.sort(key=lambda standing: (-standing.avg.mean, standing.label))
    return TaskTable(group, tuple(standings), tuple(pairs), _parts(group), chosen)


def overall(tables: Sequence[TaskTable]) -> dict[str, float | None]:
    """Mean over the tasks of each method, None for a method that lacks one; best first, the incomplete ones last."""
    labels = sorted({standing.label for table in tables for standing in table.standings})
    means: dict[str, float | None] = {}
    for label in labels:
        found = [standing.avg.mean for table in tables if (standing := table.standing(label)) is not None]
        means[label] = sum(found) / len(found) if len(found) == len(tables) else None
    return dict(sorted(means.items(), key=lambda item: (item[1] is None, -(item[1] or 0), item[0])))


def _averages(rows: Sequence[Row]) -> dict[str, Estimate]:
    return dict(zip((row.label for row in rows), estimate([row.avg for row in rows])[0], strict=True)) if rows else {}


def _estimates(rows: Sequence[Row], figure: str) -> list[Estimate | None]:
    scores = [row.scores(figure) for row in rows]
    known = [s for s in scores if s is not None]
    estimates = iter(estimate(known, shares=figure != "tokens")[0] if known else [])
    return [None if s is None else next(estimates) for s in scores]


def _pairs(rows: Sequence[Row]) -> list[Pair]:
    """Every pair of rows once, the one of the lower mean before the other."""
    scores = {row.label: row.avg for row in rows}
    order = sorted(scores, key=lambda label: (scores[label].mean(), label))
    at = [(i, j) for j in range(len(order)) for i in range(j)]
    methods = [scores[label] for label in order]
    _, differences = estimate(methods, at)
    p = [p_value(methods[i], methods[j]) for i, j in at]
    return [
        Pair(order[i], order[j], difference, raw, corrected)
        for (i, j), difference, raw, corrected in zip(at, differences, p, holm(p), strict=True)
    ]


def _beats(pair: Pair, label: str) -> bool:
    """Whether the other row of the pair is significantly better than this one."""
    if not pair.significant or label not in (pair.before, pair.after):
        return False
    return (pair.difference.mean > 0) == (label == pair.before)


def _towards(pairs: Sequence[Pair], reference: str | None, label: str) -> Pair | None:
    """The pair of a row and the reference, as `label` - `reference`."""
    for pair in pairs:
        if (pair.before, pair.after) == (reference, label):
            return pair
        if (pair.before, pair.after) == (label, reference):
            d = pair.difference
            return Pair(pair.after, pair.before, Estimate(-d.mean, -d.high, -d.low), pair.p, pair.p_holm)
    return None


def _parts(group: Group) -> tuple[PartFigures, ...]:
    if not group.parts:
        return ()
    found = []
    for part in (*group.parts, group):
        rows = [row for row in part.rows if not row.is_base]
        samples = {row.label: sum(run.training_samples for run in row.runs) / len(row.runs) for row in rows}
        found.append(PartFigures(part.questions, _averages(rows), samples))
    return tuple(found)
