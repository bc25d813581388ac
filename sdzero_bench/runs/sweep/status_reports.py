"""What a child process reports to its sweep: JSON lines on a pipe with the phase, its progress, and why it failed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, Any

from rich.progress import Progress, TaskID

from sdzero_bench.core.progress import PhaseBar, ProgressDisplay

INTERVAL = 0.25
"""Minimum number of seconds between two reports of a phase."""

LOCKED = 75
"""Exit code of a child if another process works on the run."""


@dataclass(frozen=True)
class StatusReport:
    phase: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    """For example, the fraction of correct samples so far."""
    failure: str = ""
    """Why the run failed, in one line."""
    no_room: bool = False
    """Whether it failed due to lack of disk space."""

    def send(self, channel: IO[str]) -> None:
        with suppress(OSError):  # the end of the sweep is noticed elsewhere
            print(json.dumps(asdict(self)), file=channel, flush=True)

    @classmethod
    def parse(cls, line: str) -> StatusReport:
        return cls(**json.loads(line))


class ReportingDisplay(ProgressDisplay):
    """The display of a run in a sweep: phases are reported to the sweep, messages go to the log.

    Of several processes of a run, one alone `reports` phases.
    """

    def __init__(self, channel: IO[str], reports: bool = True) -> None:
        super().__init__(quiet=not reports)
        self.channel = channel
        self.reports = reports

    @contextmanager
    def phase(self, name: str, total: int, unit: str = "samples") -> Iterator[PhaseBar]:
        if not self.reports:
            with super().phase(name, total, unit) as bar:
                yield bar
            return
        progress = _ReportedProgress(self.channel)
        yield PhaseBar(progress, name, total, unit)
        progress.report()

    def say(self, text: str) -> None:
        with suppress(OSError):  # if the log's disk is full, the reason for a failure must still reach the sweep
            print(text, file=sys.stderr, flush=True)


class _ReportedProgress(Progress):
    """rich's progress of a phase, reported instead of drawn."""

    def __init__(self, channel: IO[str]) -> None:
        super().__init__(auto_refresh=False)
        self._channel = channel
        self._sent = 0.0

    def update(self, task_id: TaskID, **fields: Any) -> None:
        super().update(task_id, **fields)
        if time.monotonic() - self._sent >= INTERVAL:
            self.report()

    def report(self) -> None:
        self._sent = time.monotonic()
        for task in self.tasks:
            StatusReport(task.description, int(task.completed), int(task.total or 0), task.fields["note"]).send(self._channel)
