"""Where the runs of a sweep are done: here, or on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ..errors import UserError
from .children import Children
from .grid import PlannedRun
from .scheduler import Attempt


class Runs(Protocol):
    """What starts runs."""

    def start(self, run: PlannedRun, slot: int) -> Attempt: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    launcher: Literal["local", "ray", "slurm"]
    out: Path
    jobs: int | None
    """Runs at a time; None: one here, and all of them on a cluster, which has a queue of its own."""
    address: str | None
    cpus: int
    gpus: int
    hours: float
    partition: str | None

    def open(self) -> Runs:
        """Raises `UserError` if the cluster cannot be had, or cannot hold a run; or for options that have no effect."""
        for option, value, owner in (("--address", self.address, "ray"), ("--partition", self.partition, "slurm")):
            if value is not None and self.launcher != owner:
                raise UserError(f"{option} has no effect with --launcher {self.launcher}; it is for --launcher {owner}")
        if self.launcher == "ray":
            from .on_ray import RayRuns

            return RayRuns(self.out, self.address, self.cpus, self.gpus)
        if self.launcher == "slurm":
            from .on_slurm import SlurmRuns

            return SlurmRuns(self.out, "slurm", self.cpus, self.gpus, self.hours, self.partition)
        return Children(self.jobs or 1, self.out)

    def at_once(self, runs: int) -> int:
        return self.jobs or (1 if self.launcher == "local" else max(1, runs))
