"""How long missing runs will take, at the throughput that their preset counts on."""

from __future__ import annotations

from collections.abc import Sequence

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import estimate


def hours(configs: Sequence[RunConfig]) -> str:
    """In words; "over" those of the runs of which preset and method say enough for a plan, "not known" where there are none."""
    total, unknown = 0.0, 0
    for config in configs:
        try:
            total += _hours(config)
        except UserError:
            unknown += 1
    if unknown and unknown == len(configs):
        return "not known"
    digits = 2 if total < 1 else 1 if total < 100 else 0
    return ("over " if unknown else "") + (f"{total:,.{digits}f}" if configs else "0")


def _hours(config: RunConfig) -> float:
    found = assumptions(config, ())
    return estimate(config, found.typical, found.machine, found.questions, found.test_questions).hours
