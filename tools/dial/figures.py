"""The two figures of the dial: what SD-Zero gains against how its base errs, and against how careful second looks are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sdzero_bench.report.leaderboard.efficiency import COLOURS, MARKERS, images
from tools.dial.advantages import OTHERS, OURS, World

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER = {"Qwen3-4B-Instruct": 66.7 - 48.1, "Olmo-3-7B-Instruct": 62.3 - 44.2}
"""pass@8 - avg@8 of the paper's bases on its math subset (tables 1, 7 and 8 of arXiv 2604.12002), in points."""


def against_gap(worlds: Sequence[World]) -> dict[str, bytes]:
    """`OURS` minus each other method by the base's pass@8 - avg@8, as PNG and SVG. The same worlds give the same bytes."""

    def draw(panel: Axes) -> None:
        _series(panel, worlds, [100 * world.gap for world in worlds], width=0.25)
        panel.margins(x=0.1, y=0.1)
        for name, gap in PAPER.items():
            panel.axvline(gap, color="0.6", linestyle=":", linewidth=1)
            side: Any = "right" if gap == min(PAPER.values()) else "left"
            panel.annotate(name, (gap, 0.02), xycoords=("data", "axes fraction"), rotation=90, ha=side, fontsize=7, color="0.4")
        panel.set_xlabel("pass@8 - avg@8 of the base (points)")

    return _figure(draw)


def against_second_look(worlds: Sequence[World], shares: Sequence[float]) -> dict[str, bytes]:
    """The same by the probability that a second attempt, if it is redone, follows the habit."""

    def draw(panel: Axes) -> None:
        _series(panel, worlds, [100 * share for share in shares], width=0.8)
        panel.margins(x=0.1, y=0.1)
        panel.set_xlabel("redone second attempts that follow the habit (%)")

    return _figure(draw)


def _figure(draw: Callable[[Axes], None]) -> dict[str, bytes]:
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, whose backend is the caller's

    with matplotlib.rc_context({"svg.hashsalt": "sdzero-bench", "svg.fonttype": "path", "figure.facecolor": "white"}):
        figure = Figure(figsize=(7.5, 4.5), layout="constrained")
        panel = figure.subplots()
        draw(panel)
        panel.axhline(0, color="black", linewidth=0.8)
        panel.set_ylabel(f"avg@8 of {OURS} - other (points)")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8, frameon=False)
        return images(figure)


def _series(panel: Axes, worlds: Sequence[World], at: Sequence[float], width: float) -> None:
    for number, other in enumerate(OTHERS):
        found = [
            (x + (number - (len(OTHERS) - 1) / 2) * width, pair.difference)
            for world, x in zip(worlds, at, strict=True)
            for pair in world.pairs
            if pair.before == f"{world.name}/{other}"
        ]
        found.sort(key=lambda point: point[0])
        panel.errorbar(
            [x for x, _ in found],
            [100 * d.mean for _, d in found],
            yerr=[[100 * max(0.0, d.mean - d.low) for _, d in found], [100 * max(0.0, d.high - d.mean) for _, d in found]],
            label=f"{OURS} - {other}",
            color=COLOURS[number],
            linestyle="none",  # each world is a model of its own: a line would suggest a trend
            marker=MARKERS[number],
            markersize=4,
            capsize=2,
            elinewidth=0.8,
        )
    for world, x in zip(worlds, at, strict=True):
        highest = max((100 * pair.difference.high for pair in world.pairs), default=0.0)
        panel.annotate(world.name, (x, highest), (0, 4), textcoords="offset points", ha="center", fontsize=7)
