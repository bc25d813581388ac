"""Threads of a process among others on the same machine. To be settled before torch is loaded, which reads it once."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""`QUOTA PERIOD` in microseconds, or `max PERIOD`, of this container (cgroup v2)."""


SPINS = "5000"
"""How often a waiting thread looks whether its turn has come before it sleeps.

Forward passes of the embedded model, two threads each on two cores: 22 ms for a run alone (20 with OpenMP's default, 32 if
waiting threads sleep at once); 50 ms each for two runs (58 to 330 with the default, 26 with one thread each); 110 ms each for
four (800).
"""


def share_cores() -> None:
    """Have waiting threads sleep soon, and use no more threads than this process has cores. What the user has set is kept.

    OpenMP's threads otherwise spin while they wait for each other: if several runs share the cores, each spends its time
    waiting for threads that are not running, and all are slowed down many times over. Sleeping changes no result.
    """
    for name, value in quick_to_sleep().items():
        os.environ[name] = value
    if available_cores() < len(os.sched_getaffinity(0)):  # torch does not know about quotas
        os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))


def quick_to_sleep() -> dict[str, str]:
    """The environment in which waiting threads sleep soon; nothing if the user has said how they are to wait."""
    given = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    return {} if given else {"GOMP_SPINCOUNT": SPINS}


def available_cores() -> int:
    """Cores that this process may use, as its affinity and the CPU quota of its container say."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))
