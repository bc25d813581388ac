"""What a phase shows on a terminal below its progress bar while it runs: small curves and the last sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from sdzero_bench.core.text import printable
from sdzero_bench.core.verdict import Verdict

POINTS = 32
"""Characters of a curve; from twice as many values on, neighbours are averaged."""
LINES = 4
"""Lines of the last sample's text."""
LOWEST, NARROWEST = 12, 40
"""Lines and columns of a terminal below which there is only the progress bar."""
READ = 2_000
"""Characters of a completion that are looked at."""

BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*%#"


@dataclass(frozen=True)
class LastSample:
    """A completion to show."""

    name: str
    text: str
    verdict: Verdict


class Curve:
    """A figure over the course of a phase, as a line of blocks. Any number of values takes the memory of a few."""

    def __init__(self, percent: bool = False) -> None:
        """`percent`: values are shares."""
        self._percent = percent
        self._means: list[float] = []
        self._values_each = 1
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        if not math.isfinite(value):
            return
        self._sum += value
        self._count += 1
        if self._count == self._values_each:
            self._means.append(self._sum / self._count)
            self._sum, self._count = 0.0, 0
        if len(self._means) == 2 * POINTS:
            self._means = [(a + b) / 2 for a, b in zip(self._means[::2], self._means[1::2], strict=True)]
            self._values_each *= 2

    def text(self, width: int, blocks: str = BLOCKS) -> str:
        """The curve in at most `width` characters, then its last value. Empty before the first value."""
        shown = [*self._means, *([self._sum / self._count] if self._count else [])]
        if not shown:
            return ""
        last = f"{shown[-1]:.0%}" if self._percent else f"{shown[-1]:.3g}" if abs(shown[-1]) < 100 else f"{shown[-1]:,.0f}"
        shown = _fitted(shown, width)
        low, high = min(shown), max(shown)
        span = high - low
        drawn = (blocks[round((value - low) / span * (len(blocks) - 1)) if span > 0 else 3] for value in shown)
        return f"{''.join(drawn)} {last}"


def _fitted(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values, each the mean of neighbours."""
    count = min(width, len(values))
    ends = [round(i * len(values) / count) for i in range(count + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(ends)]


class PhaseView:
    """The bar of a phase, its curves and its last sample: rendered anew for the size that the terminal has by then."""

    def __init__(self, bar: RenderableType) -> None:
        self.bar = bar
        self.curves: dict[str, Curve] = {}
        self.last: LastSample | None = None

    def add(self, figures: Mapping[str, float]) -> None:
        """A value each of the curves of these names: `right`, a share, `loss` and `tokens`."""
        for name, value in figures.items():
            self.curves.setdefault(name, Curve(percent=name == "right")).add(value)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.bar
        if console.height < LOWEST or options.max_width < NARROWEST:
            return
        blocks = ASCII_BLOCKS if options.ascii_only else BLOCKS
        width = min(POINTS, options.max_width - 20)
        for name, curve in list(self.curves.items()):
            if drawn := curve.text(width, blocks):
                yield Text(f"{name:>9}  {drawn}", no_wrap=True, overflow="crop")
        if (last := self.last) is not None:
            yield from _shown(last)


def _shown(last: LastSample) -> RenderResult:
    verdict = last.verdict
    right = verdict.reward == 1.0
    style = "green" if right else "yellow" if verdict.reward is None else "red"
    said = "right" if right else f"verifier failed: {verdict.status}" if verdict.reward is None else "wrong"
    reason = verdict.answer or verdict.detail
    yield _line(f"{last.name:>9}  {said}{': ' if reason else ''}{reason}", style)
    # A long line is cut rather than wrapped, so that the height changes little from sample to sample.
    lines = [line for line in last.text[:READ].splitlines() if line.strip()]
    for line in lines[-LINES:]:
        yield _line(f"{'':>9}  {line}", "dim")


def _line(text: str, style: str) -> Text:
    safe = printable(text[:READ]).replace("\n", " ").expandtabs(4)
    return Text(safe, style=style, no_wrap=True, overflow="ellipsis")
