"""Threads of a process among others on the same machine. To be settled before torch is loaded, which reads it once."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""`QUOTA PERIOD` in microseconds, or `max PERIOD`, of this container (cgroup v2)."""


def share_cores() -> None:
    """Have idle threads sleep, and use no more threads than this process has cores. What the user has set is left alone.

    OpenMP's threads otherwise spin while they wait for each other: as soon as two runs share the cores, each spends its time
    waiting for threads that are not running, and both are slowed down tenfold or more. Sleeping changes no result.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if available_cores() < len(os.sched_getaffinity(0)):  # torch does not know about quotas
        os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))


def available_cores() -> int:
    """Cores that this process may use, as its affinity and the CPU quota of its container say."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))
