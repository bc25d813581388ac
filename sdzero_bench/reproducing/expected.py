"""How long missing runs will take, at the throughput that their preset counts on."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UserError
from ..planning.assumptions import assumptions
from ..planning.estimate import estimate
from ..settings import RunConfig


def hours(configs: Sequence[RunConfig]) -> str:
    """In words; "not known" where a preset or a method says too little for a plan."""
    try:
        total = sum(_hours(config) for config in configs)
    except UserError:
        return "not known"
    return f"{total:.1f}" if total < 100 else f"{total:,.0f}"


def _hours(config: RunConfig) -> float:
    found = assumptions(config, ())
    return estimate(config, found.typical, found.machine, found.questions, found.test_questions).hours
