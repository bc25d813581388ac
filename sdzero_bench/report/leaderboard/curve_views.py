"""Four views of the learning curves of each table: against samples, generated tokens, FLOPs of training, and hours."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from sdzero_bench.core.text import as_written, in_lines
from sdzero_bench.report.leaderboard.curves_of_rows import CurvesOfTable, PointOfRow
from sdzero_bench.report.leaderboard.efficiency import images, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = "learning_curves"
"""Name of the figure."""

TITLE_WIDTH = 130
"""Characters per line of a title."""
LINE = 11.0
"""Height of a line of the legend or the title, in points."""

View = Literal["training samples", "generated tokens", "FLOPs of training", "hours"]

VIEWS: dict[View, Callable[[PointOfRow], float]] = {
    "training samples": lambda point: point.samples,
    "generated tokens": lambda point: point.generated_tokens,
    "FLOPs of training": lambda point: point.flops,
    "hours": lambda point: point.hours,
}

NOTES = [
    "Policies at shares of the planned training samples, on the first test questions: means over seeds, with 95 % intervals. A "
    "line starts at the base, on the same questions, where the table has one.",
    "A method that samples first and trains after has the base's policy until its training ends.",
    "FLOPs of training: 6 N per token forward and backward, 2 N per token forward only (a teacher's) or generated, with N the "
    "parameters that a token is multiplied with; attention and the reading of prompts are not counted.",
    "Hours within a phase of sampling are in proportion to its samples; those of training are booked with each step.",
]


def draw_curves(tables: Sequence[tuple[str, CurvesOfTable]]) -> dict[str, bytes]:
    """The figure as `png` and `svg`, four panels for each titled table. The same tables give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, whose backend is the caller's

    labels = sorted({label for _, curves in tables for label in curves.points})
    with matplotlib.rc_context({"svg.hashsalt": "sdzero-bench", "svg.fonttype": "path", "figure.facecolor": "white"}):
        titles = [textwrap.fill(title, TITLE_WIDTH) for title, _ in tables]
        heights = [_height(title, curves) for title, (_, curves) in zip(titles, tables, strict=True)]
        figure = Figure(figsize=(11, sum(heights)), layout="constrained")
        parts = figure.subfigures(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, title, (_, curves) in zip(parts, titles, tables, strict=True):
            panels = part.subplots(2, 2, sharey=True).flat
            for panel, view in zip(panels, VIEWS, strict=True):
                draw_view(panel, curves, view, labels)
            handles, names = panels[0].get_legend_handles_labels()
            part.legend(handles, names, loc="outside right center", fontsize=8, frameon=False)
            part.supylabel(f"avg@{curves.samples_per_question} (%)", fontsize=9)
            part.suptitle(as_written(title), fontsize=9)
        return images(figure)


def draw_view(panel: Axes, curves: CurvesOfTable, view: View, labels: Sequence[str]) -> None:
    """The curves of one table against one of `VIEWS`; the place of a method in `labels` gives its style."""
    for label, points in curves.points.items():
        _line(panel, [*([curves.base] if curves.base else []), *points], VIEWS[view], label, labels.index(label), len(labels))
    units = dict.fromkeys(points[0].unit for points in curves.points.values())
    panel.set(xlabel=f"{' or '.join(units)}-{view}" if view == "hours" else view)
    panel.grid(alpha=0.3)


def _height(title: str, curves: CurvesOfTable) -> float:
    """Of a table's part of the figure, in inches: the legend, which is in its middle, fits below the title."""
    lines = sum(in_lines(label).count("\n") + 1 for label in curves.points)
    legend = (lines * LINE + len(curves.points) * LINE / 2) / 72
    return max(7.2, legend + 2 * (title.count("\n") + 2) * LINE / 72)


def _line(
    panel: Axes, points: Sequence[PointOfRow], x: Callable[[PointOfRow], float], label: str, number: int, count: int
) -> None:
    at = np.array([x(point) for point in points])
    # A little to the side, so that bars at the same place do not hide each other.
    at = np.where(at > 0, at + (number - (count - 1) / 2) * 0.004 * at.max(initial=0.0), at)
    y = np.array([100 * point.avg.mean for point in points])
    ends = np.array([[100 * (p.avg.mean - p.avg.low), 100 * (p.avg.high - p.avg.mean)] for p in points]).T.clip(min=0)
    panel.errorbar(
        at,
        y,
        yerr=ends,
        label=in_lines(label),
        **style_of(number),
        markersize=4,
        capsize=2,
        elinewidth=0.8,
    )
