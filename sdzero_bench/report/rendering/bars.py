"""Intervals of table cells drawn as whiskers: the positions of the mean and the ends of the interval, in pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from sdzero_bench.report.rendering.blocks import Table
from sdzero_bench.report.rendering.cell_figures import CellFigure, figure

WIDTH = 120
MARGIN = 5
"""Space at both ends, for the caps of the whiskers, the dot and the arrows."""
FEWEST = 4
"""Intervals from which on some may be outlying; of fewer, nobody could say which."""
WORTH = 3.0
"""How many times shorter the scale has to become for intervals to be cut off."""


@dataclass(frozen=True)
class Bar:
    low: float
    mean: float | None
    """None if it is beyond the scale."""
    high: float
    beyond: str = ""
    """`low` or `high`: the end of the scale that the interval goes beyond."""


@dataclass(frozen=True)
class DrawnBars:
    """The bars of a table by row and column. `low` and `high` are the ends of the scale, in the unit of the cells."""

    bars: dict[tuple[int, int], Bar]
    low: float
    high: float
    mark: float | None

    @property
    def clipped(self) -> bool:
        """Whether an interval goes beyond the scale."""
        return any(bar.beyond for bar in self.bars.values())


def draw_bars(table: Table) -> DrawnBars | None:
    """All bars on one scale, which covers the mark and all but outlying intervals; None if there is nothing to draw."""
    if table.bars is None:
        return None
    found = {(r, c): figure(row[c]) for r, row in enumerate(table.rows) for c in table.bars.columns}
    drawn = {place: (f, f.interval) for place, f in found.items() if f is not None and f.interval is not None}
    if not drawn:
        return None
    mark = table.bars.mark
    low, high = _scale([(*interval, f.mean) for f, interval in drawn.values()], mark)

    def x(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * ((value - low) / (high - low) if high > low else 0.5), 1)

    def bar(of: CellFigure, interval: tuple[float, float]) -> Bar:
        beyond = "low" if interval[0] < low else "high" if interval[1] > high else ""
        ends = [x(min(high, max(low, end))) for end in interval]
        return Bar(ends[0], x(of.mean) if low <= of.mean <= high else None, ends[1], beyond)

    return DrawnBars({place: bar(*what) for place, what in drawn.items()}, low, high, None if mark is None else x(mark))


def _scale(drawn: list[tuple[float, float, float]], mark: float | None) -> tuple[float, float]:
    """Ends of the scale for (low, high, mean) of each interval.

    Intervals are left out whose mean is further from the middle half of the means than 3 times its width, or 3 intervals, where
    that width is less: Tukey's outer fence. They are only if the scale then becomes much shorter.
    """
    whole = _reach(drawn, mark)
    if len(drawn) < FEWEST:
        return whole
    lower, _, upper = quantiles([mean for _, _, mean in drawn], n=4, method="inclusive")
    room = 3 * max(upper - lower, median(high - low for low, high, _ in drawn))
    inner = _reach([one for one in drawn if lower - room <= one[2] <= upper + room], mark)
    return inner if 0 < WORTH * (inner[1] - inner[0]) <= whole[1] - whole[0] else whole


def _reach(drawn: Iterable[tuple[float, float, float]], mark: float | None) -> tuple[float, float]:
    values = [value for one in drawn for value in one] + ([] if mark is None else [mark])
    return min(values), max(values)
