"""The sandboxes that work on this machine, for tests that hold in all of them."""

from __future__ import annotations

from functools import cache

from sdzero_bench.verifiers.sandbox import Limits, Sandbox
from sdzero_bench.verifiers.sandbox.tier_search import calibrated, of_tier, why_not

QUICK = Limits(cpu_seconds=1.0, wall_multiple=2.0, total_cpu_seconds=10.0, memory_mb=256, output_kb=64)


@cache
def working() -> tuple[Sandbox, ...]:
    return tuple(calibrated(sandbox) for sandbox in map(of_tier, (1, 2, 3)) if why_not(sandbox) is None)


def best() -> Sandbox:
    return working()[0]
