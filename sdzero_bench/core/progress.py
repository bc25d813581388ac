"""Progress on the terminal: one bar per phase, with samples, accuracy so far and time left, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class PhaseBar:
    """The progress bar of one phase. The accuracy shown is over verified samples."""

    def __init__(self, progress: Progress, name: str, total: int, unit: str) -> None:
        self._progress = progress
        self._id = progress.add_task(name, total=total, unit=unit, note="")
        self._right = self._verified = 0

    def advance(self, count: int = 1, rewards: list[float | None] | None = None, note: str | None = None) -> None:
        for reward in rewards or []:
            if reward is not None:
                self._verified += 1
                self._right += reward == 1.0
        shown = note if note is not None else f"{self._right / self._verified:.0%} right" if self._verified else ""
        self._progress.update(self._id, advance=count, note=shown)


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
        with Progress(*columns, console=self.console) as progress:
            yield PhaseBar(progress, name, total, unit)

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)
