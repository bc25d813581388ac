"""The sandboxes that work on this machine, for tests that hold in all of them."""

from __future__ import annotations

from functools import cache

import pytest

from sdzero_bench.verifiers.sandbox import Limits, Sandbox
from sdzero_bench.verifiers.sandbox.tier_search import calibrated, of_tier, why_not

QUICK = Limits(cpu_seconds=1.0, wall_multiple=2.0, total_cpu_seconds=10.0, memory_mb=256, output_kb=64)


@cache
def working() -> tuple[Sandbox, ...]:
    return tuple(calibrated(sandbox) for sandbox in map(of_tier, (1, 2, 3)) if why_not(sandbox) is None)


def best() -> Sandbox:
    return working()[0]


def _tiers() -> list[object]:
    """Tier 1 is listed even if it does not work here: the test is then left out by name, or fails if bubblewrap should work."""
    weaker = [pytest.param(sandbox, id=f"tier {sandbox.tier}") for sandbox in working() if sandbox.tier > 1]
    first = next((sandbox for sandbox in working() if sandbox.tier == 1), None)
    return [pytest.param(first, id="tier 1", marks=pytest.mark.bwrap), *weaker]


every_tier = pytest.mark.parametrize("sandbox", _tiers())
