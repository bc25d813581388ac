"""Runs of a sweep on other machines: the function that Ray and Slurm execute there."""

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
"""Time between two updates of storage."""


def carry_out(run: PlannedRun, out: Path, storage: str | None = None) -> Ended:
    """Start or resume the run in its folder. The folder must have the same path on every machine, unless `storage` is a URL
    from which it is fetched and to which it is sent.

    Ray and Slurm state the resources of the run in OMP_NUM_THREADS and CUDA_VISIBLE_DEVICES. When interrupted, the run writes
    its state; if this process dies, the run's own processes end too.
    """
    # Machines must not share a database of verdicts: SQLite's locks are not reliable on network file systems.
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
    """Fetches the run's folder. The returned function sends the files that changed since."""
    storage = Storage(url)
    run.folder.parent.mkdir(parents=True, exist_ok=True)
    sent = storage.fetch(run.name, run.folder)
    return lambda: storage.send(run.name, run.folder, sent)
