"""The columns of tables, each once: its heading, its unit, how its value follows from a row, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import COUNT, SHARE, mean
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.core.text import with_interval
from sdzero_bench.records.measured import Figure
from sdzero_bench.records.reader import BASE, FINAL
from sdzero_bench.report.leaderboard.costs import CPU, Cost, cost, samples_drawn
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.pairs import Pair
from sdzero_bench.report.rendering.blocks import DASH

Value = Estimate | float | None

ColumnName = Literal[
    "avg",
    "over",
    "over_base",
    "pass",
    "maj",
    "tokens",
    "revised",
    "revised_tokens",
    "correction",
    "broken",
    "samples",
    "share",
    "generated",
    "trained",
    "hours",
    "gain",
    "tuning",
]


@dataclass(frozen=True)
class Beside:
    """What the rows of a table are compared with."""

    reference: str | None = None
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    """`row` - `reference`, by the row's label."""
    base_label: str | None = None
    over_base: Mapping[str, Pair] = field(default_factory=dict)
    """`row` - base, by the row's label."""
    base: float | None = None
    """avg@k of the base, if it was measured."""
    margin: float = MARGIN
    """Differences of avg@k within it count as equivalent."""


@dataclass(frozen=True)
class Column:
    heading: str
    """With `{n}` samples per question, `{k}` of pass@k, the `{reference}` and the `{device}` to be filled in."""
    value: Callable[[Row, Beside], Value]
    """None for a row that has no such figure. Raises `UserError` if its runs did not measure it."""
    scale: float = 1
    """What an estimate is multiplied by for the table."""
    form: str = ",.0f"
    """Format of a value without an interval."""
    note: str = ""


@dataclass(frozen=True)
class Shown:
    """A column of one table."""

    heading: str
    values: Mapping[str, Value]
    """By the row's label."""
    note: str
    cells: Mapping[str, str]


def shown(name: ColumnName, rows: Sequence[Row], beside: Beside) -> Shown:
    """Raises `UserError` if the runs did not measure what the column shows."""
    column = COLUMNS[name]
    values = {row.label: column.value(row, beside) for row in rows}
    units = {row.label: cost(row, 0.0, None).unit for row in rows} if "{device}" in column.heading else {}
    device = " or ".join(dict.fromkeys(units.values()))
    n, k = (rows[0].entries[0].samples_per_question, rows[0].entries[0].k) if rows else (0, 0)
    heading = column.heading.format(n=n, k=k, reference=beside.reference, base=beside.base_label, device=device)
    cells = {label: _text(column, value) for label, value in values.items()}
    if len(set(units.values())) > 1:
        cells = {label: text if text == DASH else f"{text} {units[label]}" for label, text in cells.items()}
    if pairs := {"over": beside.pairs, "over_base": beside.over_base}.get(name):
        cells = {label: text + (pairs[label].mark if label in pairs else "") for label, text in cells.items()}
    return Shown(heading, values, column.note, cells)


def _text(column: Column, value: Value) -> str:
    if value is None:
        return DASH
    if isinstance(value, Estimate):
        return with_interval(value.mean, value.interval, column.scale)
    return format(value, column.form)


def figure(row: Row, name: Figure) -> Estimate | None:
    """Mean over questions and seeds; None where the task has no such figure."""
    return _mean(row.scores(name), COUNT if name == "tokens" else SHARE)


def _mean(scores: Scores | None, bounds: tuple[float, float] = SHARE) -> Estimate | None:
    return None if scores is None else mean(scores, bounds)


def _over(row: Row, beside: Beside) -> Value:
    pair = beside.pairs.get(row.label)
    return pair.difference if pair else None


def _over_base(row: Row, beside: Beside) -> Value:
    pair = beside.over_base.get(row.label)
    return pair.difference if pair else None


def _share(row: Row, _: Beside) -> Value:
    """Per cent of the sample budget."""
    return None if row.is_base else 100 * samples_drawn(row) / row.runs[0].result.budget.samples


def _charged(value: Callable[[Cost], float]) -> Callable[[Row, Beside], Value]:
    """Of training; unknown for a policy on the way, since the ledger is of the whole run."""
    return lambda row, _: value(cost(row, 0.0, None)) if row.policy in (BASE, FINAL) else None


COLUMNS: dict[ColumnName, Column] = {
    "avg": Column("avg@{n} (%)", lambda row, _: figure(row, "avg"), 100),
    "over": Column("Δ vs {reference} (pts)", _over, 100),
    "over_base": Column("Δ vs {base} (pts)", _over_base, 100),
    "pass": Column("pass@{k} (%)", lambda row, _: figure(row, "pass"), 100),
    "maj": Column("maj@{n} (%)", lambda row, _: figure(row, "maj"), 100),
    "tokens": Column("response tokens", lambda row, _: figure(row, "tokens")),
    "revised": Column(
        "revised (%)", lambda row, _: _mean(row.revisions.revised), 100, note="revised: accuracy of the revised responses."
    ),
    "revised_tokens": Column("revised tokens", lambda row, _: _mean(row.revisions.tokens, COUNT)),
    "correction": Column(
        "wrong→right (%)",
        lambda row, _: _mean(row.revisions.wrong_to_right),
        100,
        note="wrong→right: share of incorrect first responses whose revision is correct.",
    ),
    "broken": Column(
        "right→wrong (%)",
        lambda row, _: _mean(row.revisions.right_to_wrong),
        100,
        note="right→wrong: share of correct first responses whose revision is incorrect.",
    ),
    "samples": Column("samples", lambda row, _: samples_drawn(row)),
    "share": Column("budget used (%)", _share, form=".0f", note="budget used: share of the sample budget that was drawn."),
    "generated": Column("generated tokens", _charged(lambda cost: cost.generated_tokens)),
    "trained": Column(
        "trained tokens",
        _charged(lambda cost: cost.training_tokens),
        note="trained tokens: tokens that went through a model forward or backward.",
    ),
    "hours": Column(
        "{device}-hours",
        _charged(lambda cost: cost.hours),
        form=".3g",
        note=f"{CPU}-hours: wall time times compute threads. accelerator-hours: time times accelerators in use.",
    ),
    "gain": Column(
        "pts per 1,000 samples",
        lambda row, beside: cost(row, float(row.avg.mean()), beside.base).gain_per_thousand,
        form=".2f",
        note="pts per 1,000 samples: gain in avg over the base per 1,000 training samples.",
    ),
    "tuning": Column("samples of tuning trials", lambda row, _: cost(row, 0.0, None).tuning_samples),
}
