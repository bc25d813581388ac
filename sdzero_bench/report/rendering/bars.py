"""Intervals of table cells drawn as whiskers: the positions of the mean and the ends of the interval, in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.report.rendering.blocks import Table
from sdzero_bench.report.rendering.cell_figures import CellFigure, figure

WIDTH = 120
MARGIN = 5
"""Space at both ends, for the caps of the whiskers and the dot."""


@dataclass(frozen=True)
class Bar:
    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class DrawnBars:
    """The bars of a table by row and column. `low` and `high` are the ends of the scale, in the unit of the cells."""

    bars: dict[tuple[int, int], Bar]
    low: float
    high: float
    mark: float | None


def draw_bars(table: Table) -> DrawnBars | None:
    """All bars on one scale, which covers the intervals and the mark; None if there is nothing to draw."""
    if table.bars is None:
        return None
    found = {(r, c): figure(row[c]) for r, row in enumerate(table.rows) for c in table.bars.columns}
    drawn = {place: (f, f.interval) for place, f in found.items() if f is not None and f.interval is not None}
    if not drawn:
        return None
    mark = table.bars.mark
    reached = [value for f, interval in drawn.values() for value in (f.mean, *interval)] + ([] if mark is None else [mark])
    low, high = min(reached), max(reached)

    def x(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * ((value - low) / (high - low) if high > low else 0.5), 1)

    def bar(of: CellFigure, interval: tuple[float, float]) -> Bar:
        return Bar(x(interval[0]), x(of.mean), x(interval[1]))

    return DrawnBars({place: bar(*what) for place, what in drawn.items()}, low, high, None if mark is None else x(mark))
