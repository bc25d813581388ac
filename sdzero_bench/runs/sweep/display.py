"""The progress of a sweep on standard error: a live table on a terminal, otherwise one line per change of state."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sdzero_bench.core.text import counted
from sdzero_bench.runs.sweep.scheduler import State, SweepEntry

STATES: tuple[State, ...] = ("done", "running", "elsewhere", "failed", "waiting")
SHOWN = 12
"""Maximum number of rows of the live table, so that it fits on the terminal."""


class SweepDisplay:
    """The display of a scheduler that starts `jobs` runs at a time."""

    def __init__(self, jobs: int, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.jobs = jobs
        self._entries: Sequence[SweepEntry] = ()
        self._live: Live | None = None

    @contextmanager
    def showing(self, entries: Sequence[SweepEntry]) -> Iterator[None]:
        self._entries = entries
        if not self.console.is_terminal:
            self.say(counts(entries))
            yield
            return
        with Live(progress_table(entries, self.jobs), console=self.console, auto_refresh=False) as self._live:
            yield
            self.tick()
        self._live = None

    def tick(self) -> None:
        if self._live is not None:
            self._live.update(progress_table(self._entries, self.jobs), refresh=True)

    def changed(self, entry: SweepEntry) -> None:
        if self._live is None:
            said = {"elsewhere": "another process works on it", "running": entry.report.phase}.get(entry.state, entry.reason)
            took = f" in {clock(entry.seconds)}" if entry.seconds is not None else ""
            self.say(f"{entry.run.label}: {entry.state}{took}{said and ', ' + said} ({counts(self._entries)})")

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)


def progress_table(entries: Sequence[SweepEntry], jobs: int, now: float | None = None) -> Table:
    """The running and failed runs; below them, the number of runs in each state and the time left."""
    now = time.monotonic() if now is None else now
    left = seconds_left(entries, jobs, now)
    caption = counts(entries) + (f"; about {clock(left)} left" if left else "")
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
    for heading, narrows in (("run", True), ("state", False), ("phase", True), ("", False), ("", False)):
        table.add_column(heading, no_wrap=not narrows, max_width=26)
    table.add_column("time", no_wrap=True, justify="right")
    shown = [entry for state in ("running", "elsewhere", "failed") for entry in entries if entry.state == state]
    for entry in shown[:SHOWN]:
        report = entry.report
        if entry.state == "running":
            progress = f"{report.done}/{report.total}" if report.phase else ""
            row = [report.phase or "starting", progress, report.note, clock(now - entry.started)]
        else:
            row = [entry.reason, "", "", ""]
        table.add_row(*(Text(cell, overflow="ellipsis", no_wrap=True) for cell in (entry.run.label, entry.state, *row)))
    if len(shown) > SHOWN:
        table.add_row(f"and {len(shown) - SHOWN} more")
    return table


def counts(entries: Sequence[SweepEntry]) -> str:
    found = Counter(entry.state for entry in entries)
    return f"{counted(len(entries), 'run')}: " + ", ".join(f"{found[state]} {state}" for state in STATES if found[state])


def seconds_left(entries: Sequence[SweepEntry], jobs: int, now: float) -> float | None:
    """An estimate: each run is assumed to take as long as the finished runs of its method did on average, or else as those of
    all methods.

    None until the first run has finished.
    """
    took: dict[str, list[float]] = defaultdict(list)
    for entry in entries:
        if entry.seconds is not None:
            took[entry.run.config.method["name"]].append(entry.seconds)
    every = [seconds for times in took.values() for seconds in times]
    if not every:
        return None
    left = 0.0
    for entry in entries:
        times = took.get(entry.run.config.method["name"], every)
        expected = sum(times) / len(times)
        if entry.state == "waiting":
            left += expected
        elif entry.state == "running":
            left += max(0.0, expected - (now - entry.started))
    return left / jobs


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
