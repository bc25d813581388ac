"""Where the runs of a sweep are executed: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.sweep.children import Children
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.scheduler import Ended, RunAttempt
from sdzero_bench.runs.sweep.storage import Storage


class Runs(Protocol):
    """Starts runs."""

    def start(self, run: PlannedRun, slot: int) -> RunAttempt: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    launcher: Literal["local", "ray", "slurm"]
    out: Path
    jobs: int | None
    """Runs at a time; None: one on this machine, and all of them on a cluster, which has its own queue."""
    address: str | None
    cpus: int
    gpus: int
    hours: float
    partition: str | None
    storage: str | None = None
    """URL at which runs are kept if the machines do not share `out`."""

    def open(self) -> Runs:
        """Raises `UserError` if the cluster is not available or too small for a run, and for options that have no effect."""
        for option, value, owner in (("--address", self.address, "ray"), ("--partition", self.partition, "slurm")):
            if value is not None and self.launcher != owner:
                raise UserError(f"{option} has no effect with --launcher {self.launcher}; it is for --launcher {owner}")
        if self.launcher == "local":
            if self.storage is not None:
                raise UserError("--storage has no effect with --launcher local; it is for ray and slurm")
            return Children(self.jobs or 1, self.out)
        if self.launcher == "ray":
            from sdzero_bench.runs.sweep.on_ray import RayRuns

            runs: Runs = RayRuns(self.out, self.address, self.cpus, self.gpus, self.storage)
        else:
            from sdzero_bench.runs.sweep.on_slurm import SlurmRuns

            runs = SlurmRuns(self.out, "slurm", self.cpus, self.gpus, self.hours, self.partition, self.storage)
        return runs if self.storage is None else StoredRuns(runs, Storage(self.storage))

    def recall(self, runs: Iterable[PlannedRun]) -> None:
        """Fetch the records of the runs that are already finished in storage."""
        if self.storage is not None:
            storage = Storage(self.storage)
            for run in runs:
                storage.recall(run)

    def at_once(self, runs: int) -> int:
        """The number of runs to start at a time."""
        return self.jobs or (1 if self.launcher == "local" else max(1, runs))


class StoredRuns:
    """Runs whose records are fetched from storage when they end."""

    def __init__(self, runs: Runs, storage: Storage) -> None:
        self._runs = runs
        self._storage = storage

    def start(self, run: PlannedRun, slot: int) -> RunAttempt:
        return StoredAttempt(self._runs.start(run, slot), run, self._storage)

    def close(self) -> None:
        self._runs.close()


class StoredAttempt:
    def __init__(self, attempt: RunAttempt, run: PlannedRun, storage: Storage) -> None:
        self.report = attempt.report
        self._attempt = attempt
        self._run = run
        self._storage = storage

    def poll(self) -> Ended | None:
        ended = self._attempt.poll()
        if ended is not None:
            self._storage.recall(self._run)
        return ended

    def stop(self) -> None:
        self._attempt.stop()

    def kill(self) -> None:
        self._attempt.kill()
