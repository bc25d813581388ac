"""Runs of a sweep on other machines: what Ray and Slurm execute there."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.launchers.processes import Sharding
from sdzero_bench.runs.sweep.children import Children
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.scheduler import Ended
from sdzero_bench.runs.sweep.storage import Storage
from sdzero_bench.verifiers.pool import KNOWN_VERDICTS

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

SEND_SECONDS = 30.0
"""Time between two updates of storage."""


@dataclass(frozen=True)
class RemoteRun:
    """Starts or resumes a run in its folder. Called on the machine that Ray or Slurm chose.

    The folder must have the same path on every machine, unless `storage` is a URL from which it is fetched and to which it is
    sent. Ray and Slurm state the resources of the run in OMP_NUM_THREADS and CUDA_VISIBLE_DEVICES. When interrupted, the run
    writes its state; if this process dies, the run's own processes end too.
    """

    out: Path
    storage: str | None = None
    gpus: int = 0
    """With more than one, the run has a process for each."""
    sharding: Sharding = "ddp"

    def __call__(self, run: PlannedRun) -> Ended:
        # Machines must not share a database of verdicts: SQLite's locks are not reliable on network file systems.
        verdicts = Path(tempfile.gettempdir()) / f"sdzero-bench-verdicts-{os.getuid()}.sqlite"
        os.environ.setdefault(KNOWN_VERDICTS, str(verdicts))
        send = _stored(run, self.storage) if self.storage is not None else lambda: None
        try:
            child = Children(1, self.out, self.gpus, self.sharding).start(run, 0)
        except UserError as error:
            return Ended("failed", str(error))
        last = time.monotonic()
        try:
            while (ended := child.poll()) is None:
                time.sleep(0.2)
                if time.monotonic() - last > SEND_SECONDS:
                    send()
                    last = time.monotonic()
            send()
            return ended
        except BaseException:
            child.stop()
            deadline = time.monotonic() + 10.0
            while child.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            raise
        finally:
            child.kill()

    def checkpoint(self, run: PlannedRun) -> DelayedSubmission:
        """What submitit submits again when a job is preempted or its time is up: the same run, which is then resumed."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, run)


def _stored(run: PlannedRun, url: str) -> Callable[[], None]:
    """Fetches the run's folder. The returned function sends the files that changed since."""
    storage = Storage(url)
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    sent = storage.fetch(run.name, run.folder)
    return lambda: storage.send(run.name, run.folder, sent)
