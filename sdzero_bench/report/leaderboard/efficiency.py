"""Sample efficiency: avg@k against the training samples drawn, one panel per table, one line per method."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import mean
from sdzero_bench.core.text import as_written, in_lines
from sdzero_bench.records.reader import BASE, FINAL
from sdzero_bench.report.leaderboard.costs import samples_up_to
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.leaderboard import TaskTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
    "#8c564b",
    "#7f7f7f",
    "#9467bd",
    "#bcbd22",
)
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")


@dataclass(frozen=True)
class Point:
    """A measured policy. `samples` is the mean over seeds."""

    samples: float
    avg: Estimate
    policy: str
    """`base`, `final`, or the name of a policy on the way."""


def curve(table: TaskTable, label: str) -> list[Point]:
    """Base, the parts of the budget, policies on the way and the final policy of one method, by samples drawn."""
    standing = table.standing(label)
    if standing is None or standing.row.is_base:
        return []
    points = [Point(0, s.avg, BASE) for s in table.standings if s.row.is_base]
    points += [Point(part.samples[label], part.avg[label], FINAL) for part in table.parts[:-1] if label in part.avg]
    points += _on_the_way(standing.row)
    points.append(Point(standing.cost.samples, standing.avg, FINAL))
    return sorted(points, key=lambda point: point.samples)


def draw(tables: Sequence[tuple[str, TaskTable]]) -> dict[str, bytes]:
    """The figure as `png` and `svg`, one panel for each titled table. The same tables give the same bytes."""
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, whose backend is the caller's

    labels = sorted({s.label for _, table in tables for s in table.standings if not s.row.is_base})
    with matplotlib.rc_context({"svg.hashsalt": "sdzero-bench", "svg.fonttype": "path", "figure.facecolor": "white"}):
        figure = Figure(figsize=(9, max(4.2, 1.4 + 0.24 * len(labels)) * len(tables)), layout="constrained")
        axes = figure.subplots(len(tables), 1, squeeze=False)
        for panel, (title, table) in zip(axes[:, 0], tables, strict=True):
            draw_panel(panel, table, title, labels)
        return images(figure)


def draw_panel(panel: Axes, table: TaskTable, title: str, labels: list[str]) -> None:
    """The lines of one table; the place of a method in `labels` gives its style, the same in every panel."""
    for standing in table.standings:  # best first, as in the table
        _line(panel, curve(table, standing.label), standing.label, labels)
    _base(panel, table)
    panel.set(xlabel="training samples drawn", ylabel=f"avg@{table.samples_per_question} (%)")
    panel.set_title(as_written(title), fontsize=9, wrap=True)
    panel.grid(alpha=0.3)
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)


def style_of(number: int) -> dict[str, Any]:
    """Colour, marker and line of a series; no two of the first 121 share both colour and marker."""
    turn, colour = divmod(number, len(COLOURS))
    return {
        "color": COLOURS[colour],
        "marker": MARKERS[(number + turn) % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
    }


def images(figure: Any) -> dict[str, bytes]:
    """The figure as `png` and `svg`, without a date in them; it is closed."""
    import matplotlib.pyplot as plt

    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # once is enough for both: the layout takes longer than the drawing
    found = {}
    for ending in ("png", "svg"):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, dpi=130, metadata={"Date": None} if ending == "svg" else None)
        found[ending] = buffer.getvalue()
    plt.close(figure)
    return found


def _on_the_way(row: Row) -> list[Point]:
    policies = [e.policy for e in row.runs[0].evaluation if e.policy not in (BASE, FINAL)]
    points = []
    for policy in policies:
        scores = row.scores("avg", policy)
        if scores is not None:
            drawn = sum(samples_up_to(run, policy) for run in row.runs) / len(row.runs)
            points.append(Point(drawn, mean(scores), policy))
    return points


def _line(panel: Axes, points: list[Point], label: str, labels: list[str]) -> None:
    if not points:
        return
    number = labels.index(label)
    # A little to the side, so that bars at the same number of samples do not hide each other.
    aside = (number - (len(labels) - 1) / 2) * 0.005 * points[-1].samples
    # A policy on the way had the whole budget before it; a line through it and a part of the budget would mean nothing.
    line = [point for point in points if point.policy in (BASE, FINAL)]
    x, y, bars = _arrays(line)
    bars[:, [p.policy == BASE for p in line]] = 0  # the base's own bar is drawn once
    x = np.where(x > 0, x + aside, x)
    shown: dict[str, Any] = {"capsize": 2, "elinewidth": 0.8, **style_of(number)}
    panel.errorbar(x, y, yerr=bars, markersize=5, label=in_lines(label), **shown)
    way = [point for point in points if point.policy not in (BASE, FINAL)]
    if way:
        x, y, bars = _arrays(way)
        x = x + aside
        panel.errorbar(x, y, yerr=bars, markersize=6, markerfacecolor="white", **{**shown, "linestyle": "none"})
        for at, height, point in zip(x, y, way, strict=True):
            panel.annotate(
                as_written(f"{point.policy}, of {label}"), (at, height), textcoords="offset points", xytext=(6, -11), fontsize=7
            )


def _base(panel: Axes, table: TaskTable) -> None:
    for standing in table.standings:
        if standing.row.is_base:
            x, y, bars = _arrays([Point(0, standing.avg, BASE)])
            panel.errorbar(
                x, y, yerr=bars, color="black", marker="o", capsize=3, linestyle="none", label=standing.label, zorder=5
            )


def _arrays(points: list[Point]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples, per cent, and the two sides of the error bars. Shapes: [points], [points], [2, points]."""
    y = np.array([100 * point.avg.mean for point in points])
    sides = np.array([[100 * (p.avg.mean - p.avg.low), 100 * (p.avg.high - p.avg.mean)] for p in points]).T
    return np.array([point.samples for point in points]), y, sides.clip(min=0).reshape(2, -1)
