"""Where the runs of a sweep are executed: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sdzero_bench.core.distributed import Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.launchers.processes import Sharding
from sdzero_bench.runs.sweep.children import Children
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.remote_run import RemoteRun
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
    jobs: int | None = None
    """Runs at a time; None: one on this machine, and all of them on a cluster, which has its own queue."""
    cpus: int | None = None
    """ray, slurm: cores of each run; None: 1."""
    gpus: int = 0
    """GPUs of each run, with a process for each; 0: one that runs may share on this machine, and none on a cluster."""
    sharding: Sharding = "ddp"
    address: str | None = None
    hours: float = 24.0
    partition: str | None = None
    slurm: Sequence[str] = ()
    """Further options of Slurm, as KEY=VALUE."""
    storage: str | None = None
    """URL at which runs are kept if the machines do not share `out`."""

    @property
    def ranks(self) -> Ranks:
        """A process of a run, as far as its settings have to allow it."""
        return Ranks(0, max(1, self.gpus))

    def open(self) -> Runs:
        """Raises `UserError` if the cluster is not available or too small for a run, and for options that have no effect."""
        for option, value, owners in (
            ("--address", self.address, ("ray",)),
            ("--partition", self.partition, ("slurm",)),
            ("--slurm", self.slurm or None, ("slurm",)),
            ("--storage", self.storage, ("ray", "slurm")),
            ("--cpus", self.cpus, ("ray", "slurm")),
        ):
            if value is not None and self.launcher not in owners:
                raise UserError(f"{option} has no effect with --launcher {self.launcher}; it is for {' and '.join(owners)}")
        if self.sharding != "ddp" and self.gpus < 2:
            raise UserError(f"--sharding {self.sharding} needs --gpus 2 or more")
        if self.launcher == "local":
            return Children(self.jobs or 1, self.out, self.gpus, self.sharding)
        remote = RemoteRun(self.out.resolve(), self.storage, self.gpus, self.sharding)
        if self.launcher == "ray":
            from sdzero_bench.runs.sweep.on_ray import RayRuns

            runs: Runs = RayRuns(remote, self.address, self.cpus or 1)
        else:
            from sdzero_bench.runs.sweep.on_slurm import SlurmRuns

            runs = SlurmRuns(remote, "slurm", self.cpus or 1, self.hours, self.partition, self.slurm)
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
