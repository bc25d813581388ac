"""The points of the learning curve: at which optimizer steps an on-policy phase has charged a share of the planned samples."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sdzero_bench.core.settings import EvaluationConfig
from sdzero_bench.records.ledger import Ledger


def thresholds(settings: EvaluationConfig, plan: Mapping[str, int]) -> tuple[int, ...]:
    """How many training samples have been charged at each share of `curve_at`; nothing without a curve."""
    planned = sum(plan.values())
    return tuple(math.ceil(share * planned - 1e-9) for share in settings.curve_at) if settings.of_curve and planned else ()


def first_step(samples: int, batch: int, updates: int) -> int:
    """The first optimizer step at whose end a phase has charged this many samples, of which `batch` are drawn before every
    `updates` steps."""
    return max(1, (math.ceil(samples / batch) - 1) * updates + 1)


def steps_to_keep(settings: EvaluationConfig, ledger: Ledger, phase: str, batch: int, updates: int, steps: int) -> list[int]:
    """The steps of an on-policy phase of `steps` steps whose policies the curve needs; the last step is the phase's own."""
    plan = ledger.plan or {}
    earlier = list(plan)[: list(plan).index(phase)] if phase in plan else []
    before = sum(ledger.phases[name].samples for name in earlier if name in ledger.phases)
    found = {first_step(n - before, batch, updates) for n in thresholds(settings, plan)[:-1] if n > before}
    return sorted(step for step in found if step < steps)


def at_step(phase: str, step: int) -> str:
    """Name of the policy of a phase after `step` optimizer steps, which the samples that it draws have too."""
    return f"{phase}@{step}"
