"""Progress on the terminal, on standard error: one bar per phase, with samples, accuracy so far and time left.

While a phase runs, small curves and the last sample are below its bar, if standard error is a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sdzero_bench.core.live_view import LastSample, PhaseView

REFRESHED = 4
"""How often a second the view is drawn, by a thread of its own."""


class PhaseBar:
    """The progress bar of one phase. The accuracy shown is over verified samples."""

    def __init__(self, progress: Progress, name: str, total: int, unit: str, view: PhaseView | None = None) -> None:
        self._progress = progress
        self._id = progress.add_task(name, total=total, unit=unit, note="")
        self._view = view
        self._right = self._verified = 0

    def advance(
        self,
        count: int = 1,
        rewards: list[float | None] | None = None,
        note: str | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """`figures` are values of the curves; that of the rewards is added to them."""
        known = [reward == 1.0 for reward in rewards or [] if reward is not None]
        self._verified += len(known)
        self._right += sum(known)
        shown = note if note is not None else f"{self._right / self._verified:.0%} right" if self._verified else ""
        self._progress.update(self._id, advance=count, note=shown)
        if self._view is not None:
            self._view.add({**({"right": sum(known) / len(known)} if known else {}), **(figures or {})})

    def show(self, sample: LastSample, tokens: float) -> None:
        """Show a sample instead of the one before; `tokens` is the mean length of those that were drawn with it."""
        if self._view is not None:
            self._view.last = sample
            self._view.add({"tokens": tokens})


class ProgressDisplay:
    """Progress bars and messages of a run."""

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self.console = console or Console(stderr=True, quiet=quiet)

    @contextmanager
    def phase(self, name: str, total: int, unit: str = "samples") -> Iterator[PhaseBar]:
        columns = (  # less than 80 characters wide in total
            TextColumn("{task.description:<25}"),
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]} {task.fields[note]:<10}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        if not self.console.is_interactive or self.console.is_dumb_terminal or self.console.quiet:
            with Progress(*columns, console=self.console) as progress:
                yield PhaseBar(progress, name, total, unit)
            return
        progress = Progress(*columns, console=self.console)
        view = PhaseView(progress)
        with Live(view, console=self.console, refresh_per_second=REFRESHED) as live:
            try:
                yield PhaseBar(progress, name, total, unit, view)
            finally:
                live.update(progress)  # the bar alone stays when the phase is over

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)
