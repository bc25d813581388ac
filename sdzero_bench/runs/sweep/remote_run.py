"""Runs of a sweep on other machines: what is done there, whoever brings it there."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sdzero_bench.runs.sweep.children import Children
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.scheduler import Ended
from sdzero_bench.runs.sweep.storage import Storage
from sdzero_bench.verifiers.pool import KNOWN_VERDICTS

SEND_SECONDS = 30.0
"""Between two times that what has changed is sent to storage."""


def carry_out(run: PlannedRun, out: Path, storage: str | None = None) -> Ended:
    """Begin the run, or go on with it, in its folder. Every machine has to see that under the same path, unless `storage` is a
    URL from which it is fetched and to which it is sent.

    For Ray and Slurm, which say in OMP_NUM_THREADS and CUDA_VISIBLE_DEVICES what of the machine is meant for it. Interrupted,
    it writes what it has; if this process dies, the run's own processes end as well.
    """
    # A data base of verdicts must not be shared between machines: SQLite's locks do not hold on network file systems.
    os.environ.setdefault(KNOWN_VERDICTS, str(Path(tempfile.gettempdir()) / f"sdzero-bench-verdicts-{os.getuid()}.sqlite"))
    send = _stored(run, storage) if storage is not None else lambda: None
    child = Children(1, out).start(run, 0)
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


def _stored(run: PlannedRun, url: str) -> Callable[[], None]:
    """Fetches the run's folder; what it returns sends what has changed since."""
    storage = Storage(url)
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    sent = storage.fetch(run.name, run.folder)
    return lambda: storage.send(run.name, run.folder, sent)
