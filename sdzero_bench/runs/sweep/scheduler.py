"""Executes runs, a fixed number at a time: skips finished ones, waits for those of other processes, and records failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.status_reports import StatusReport


@dataclass(frozen=True)
class Ended:
    """How an attempt at a run ended."""

    how: Literal["done", "failed", "locked", "no room"]
    """locked: another process works on the run. no room: the run failed because the disk is full."""
    reason: str = ""


class RunAttempt(Protocol):
    """A run that was started, on this machine or elsewhere."""

    report: StatusReport

    def poll(self) -> Ended | None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


Start = Callable[[PlannedRun, int], RunAttempt]
"""Starts a run in a slot. Slots are numbered from 0, and each is used by one run at a time. May raise `OSError`."""


State = Literal["waiting", "running", "elsewhere", "done", "failed"]
"""elsewhere: another process works on it."""

STATE_AFTER: dict[str, State] = {"done": "done", "locked": "elsewhere", "failed": "failed", "no room": "failed"}


@dataclass
class SweepEntry:
    """The state of one run of the sweep."""

    run: PlannedRun
    state: State = "waiting"
    reason: str = ""
    """Why it failed."""
    report: StatusReport = field(default_factory=StatusReport)
    slot: int = 0
    started: float = 0.0
    """When it was last started, in seconds of the monotonic clock."""
    seconds: float | None = None
    """How long it took, if this sweep finished it."""


class Display(Protocol):
    def showing(self, entries: Sequence[SweepEntry]) -> AbstractContextManager[None]: ...
    def changed(self, entry: SweepEntry) -> None: ...
    def tick(self) -> None: ...
    def say(self, text: str) -> None: ...


class Scheduler:
    """Once `full()` reports a full disk, no more runs are started, in this call of `run` or a later one."""

    def __init__(
        self, start: Start, display: Display, full: Callable[[], bool], jobs: int = 1, tick: float = 0.2, retry: float = 2.0
    ) -> None:
        self.start = start
        self.display = display
        self.full = full
        self.tick = tick
        self.retry = retry
        """Seconds until a run that another process works on is tried again."""
        self.stopped = False
        """Whether the disk was full."""
        self._slots = list(range(jobs))
        self._attempts: dict[int, tuple[SweepEntry, RunAttempt]] = {}

    def run(self, runs: Sequence[PlannedRun]) -> list[SweepEntry]:
        """Execute all runs. An exception, such as from Ctrl-C, first stops the active runs and is then raised again."""
        entries = [SweepEntry(run, "done" if run.is_finished() else "waiting") for run in runs]
        with self.display.showing(entries):
            try:
                while True:
                    self._collect()
                    self._start_more(entries)
                    self.display.tick()
                    if not self._attempts and (self.stopped or all(e.state in ("done", "failed") for e in entries)):
                        return entries
                    time.sleep(self.tick)
            except BaseException:
                self._end_all()
                raise

    def _collect(self) -> None:
        for slot, (entry, attempt) in list(self._attempts.items()):
            entry.report = attempt.report
            if (ended := attempt.poll()) is None:
                if attempt.report.phase:
                    self._set(entry, "running")  # it took over a run that another process had left
                continue
            del self._attempts[slot]
            self._slots.append(slot)
            if ended.how == "done":
                entry.seconds = time.monotonic() - entry.started
            self._set(entry, STATE_AFTER[ended.how], ended.reason)
            if ended.how == "no room":
                self._stop_starting()

    def _start_more(self, entries: Sequence[SweepEntry]) -> None:
        while self._slots and not self.stopped and (entry := self._next(entries)):
            if entry.run.is_finished():  # by another process, since the start of this sweep
                self._set(entry, "done")
            elif self.full():
                self._stop_starting()
            else:
                self._try(entry)

    def _next(self, entries: Sequence[SweepEntry]) -> SweepEntry | None:
        """The first waiting run; if there is none, a run of another process, which may have died in the meantime."""
        due = time.monotonic() - self.retry
        waiting = (entry for entry in entries if entry.state == "waiting")
        tried = [entry.run for entry, _ in self._attempts.values()]
        left = (e for e in entries if e.state == "elsewhere" and e.started <= due and e.run not in tried)
        return next(waiting, None) or min(left, key=lambda entry: entry.started, default=None)

    def _try(self, entry: SweepEntry) -> None:
        self._slots.sort()
        entry.slot, entry.started = self._slots.pop(0), time.monotonic()
        try:
            self._attempts[entry.slot] = (entry, self.start(entry.run, entry.slot))
        except OSError as error:
            self._slots.append(entry.slot)
            self._set(entry, "failed", f"{error.strerror} ({error.filename})")
        else:
            if entry.state == "waiting":
                self._set(entry, "running")

    def _set(self, entry: SweepEntry, state: State, reason: str = "") -> None:
        if state != entry.state:
            entry.state, entry.reason = state, reason
            self.display.changed(entry)

    def _stop_starting(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.display.say("The disk is full: no more runs are started. Free some space; then the same command resumes.")

    def _end_all(self, patience: float = 10.0) -> None:
        """Ask all attempts to end, and kill those still active after `patience` seconds or at another Ctrl-C."""
        attempts = [attempt for _, attempt in self._attempts.values()]
        try:
            for attempt in attempts:
                attempt.stop()
            deadline = time.monotonic() + patience
            while any(attempt.poll() is None for attempt in attempts) and time.monotonic() < deadline:
                time.sleep(self.tick / 4)
        finally:
            for attempt in attempts:
                attempt.kill()
