"""What a column of an experiment's table shows of a row: as text with its interval, and as data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import LEVEL, RESAMPLES, Scores, estimate
from sdzero_bench.core.text import with_interval
from sdzero_bench.report.leaderboard.costs import cost
from sdzero_bench.report.rendering.blocks import DASH
from sdzero_bench.report.reproduce.experiment import Column
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures

Value = Estimate | float | None


@dataclass(frozen=True)
class Shown:
    """A column on one task."""

    heading: str
    values: Mapping[str, Value]
    """By the row's label; None or absent where a row has no such figure."""
    scale: float = 100
    marked: frozenset[str] = frozenset()
    """Rows whose value is significant."""

    def text(self, label: str) -> str:
        value = self.values.get(label)
        if value is None:
            return DASH
        if isinstance(value, Estimate):
            return with_interval(value.mean, value.interval, self.scale) + ("*" if label in self.marked else "")
        return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3g}"


def shown(column: Column, figures: TaskFigures) -> Shown:
    """Raises `UserError` if the runs did not measure what the column is of."""
    return COLUMNS[column](figures)


def ratio(part: Scores, whole: Scores) -> Estimate | None:
    """sum(part) / sum(whole) with a 95 % BCa interval over questions, all seeds of a question taken together.

    None where there is nothing to be a part of.
    """
    from scipy.stats import bootstrap

    of_question = np.stack([part.sum(axis=0), whole.sum(axis=0)])
    if of_question[1].sum() == 0:
        return None
    mean = float(of_question[0].sum() / of_question[1].sum())

    def share(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return a.sum(axis=axis) / np.maximum(b.sum(axis=axis), 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what does not vary has no BCa interval, and needs none
        found = bootstrap(
            tuple(of_question),
            share,
            paired=True,
            n_resamples=RESAMPLES,
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng(0),
        ).confidence_interval
    low, high = (mean if np.isnan(bound) else round(float(bound), 12) for bound in found)
    return Estimate(mean, low, high)


def _k(figures: TaskFigures, name: str) -> int:
    return figures.rows[0].row.entries[0][name] if figures.rows else 0


def _average(figures: TaskFigures) -> Shown:
    return Shown(f"avg@{_k(figures, 'samples_per_question')} %", figures.estimates("avg"))


def _over(figures: TaskFigures) -> Shown:
    found = figures.differences
    marked = frozenset(label for label, d in found.items() if d.significant)
    return Shown(f"over {figures.experiment.reference}", {n: d.difference for n, d in found.items()}, marked=marked)


def _pass(figures: TaskFigures) -> Shown:
    return Shown(f"pass@{_k(figures, 'k')} %", figures.estimates("pass"))


def _tokens(figures: TaskFigures) -> Shown:
    return Shown("tokens", figures.estimates("tokens"), scale=1)


def _of_revisions(heading: str, value: Callable[[Measured], Value], scale: float = 100) -> Callable[[TaskFigures], Shown]:
    return lambda figures: Shown(heading, {row.label: value(row) for row in figures.rows}, scale)


def _revised(row: Measured) -> Value:
    r = row.revisions
    return ratio(r.fixed + r.right - r.broken, r.wrong + r.right)


def _of_costs(heading: str, name: str) -> Callable[[TaskFigures], Shown]:
    """Training's; of a policy on the way it is not known apart, save its samples."""

    def column(figures: TaskFigures) -> Shown:
        found = {}
        for row in figures.rows:
            if name == "samples":
                found[row.label] = row.samples
            elif row.row.policy in ("final", "base"):
                found[row.label] = getattr(cost(row.row, 0.0, None), name)
        return Shown(heading, found)

    return column


COLUMNS: dict[Column, Callable[[TaskFigures], Shown]] = {
    "avg": _average,
    "over": _over,
    "pass": _pass,
    "tokens": _tokens,
    "revised": _of_revisions("revised %", _revised),
    "revised_tokens": _of_revisions("tokens revised", lambda row: estimate([row.revisions.tokens], shares=False)[0][0], 1),
    "correction": _of_revisions("corrected %", lambda row: ratio(row.revisions.fixed, row.revisions.wrong)),
    "broken": _of_revisions("broken %", lambda row: ratio(row.revisions.broken, row.revisions.right)),
    "samples": _of_costs("samples", "samples"),
    "generated": _of_costs("generated tokens", "generated_tokens"),
    "trained": _of_costs("trained tokens", "training_tokens"),
    "hours": _of_costs("hours", "hours"),
}
