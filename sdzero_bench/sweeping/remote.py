"""Runs of a sweep on other machines: what is done there, whoever brings it there."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from ..verifying.pool import KNOWN_VERDICTS
from .children import Children
from .grid import PlannedRun
from .scheduler import Ended


def carry_out(run: PlannedRun, out: Path) -> Ended:
    """Begin the run, or go on with it, in its folder, which every machine has to see under the same path.

    For Ray and Slurm, which say in OMP_NUM_THREADS and CUDA_VISIBLE_DEVICES what of the machine is meant for it. Interrupted,
    it writes what it has; if this process dies, the run's own processes end as well.
    """
    # A data base of verdicts must not be shared between machines: SQLite's locks do not hold on network file systems.
    os.environ.setdefault(KNOWN_VERDICTS, str(Path(tempfile.gettempdir()) / f"sdzero-bench-verdicts-{os.getuid()}.sqlite"))
    child = Children(1, out).start(run, 0)
    try:
        while (ended := child.poll()) is None:
            time.sleep(0.2)
        return ended
    except BaseException:
        child.stop()
        deadline = time.monotonic() + 10.0
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        raise
    finally:
        child.kill()
