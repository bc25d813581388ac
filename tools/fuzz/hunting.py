"""Runs a property on many random cases, and keeps the shortest input of each fault instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from tools.torture.outcome import Outcome

AT_ONCE = 2_000
"""Cases per call of hypothesis, whose memory grows with their number."""
SHOWN = 400


@dataclass(frozen=True)
class Target:
    """Something that reads input: how to make it, and a call that returns what is wrong, or None."""

    name: str
    inputs: SearchStrategy[Any]
    fault: Callable[[Any], str | None]
    share: float
    """Of all cases."""


def hunt(target: Target, count: int, seed: int, outcome: Outcome) -> None:
    """Try `count` cases, always the same for a seed; each different fault becomes a finding with its shortest input."""
    shortest: dict[str, str] = {}
    tried = 0

    def property_of(case: Any) -> None:
        nonlocal tried
        if tried >= count:
            return
        tried += 1
        if (wrong := target.fault(case)) is None:
            return
        shown = repr(case)
        if wrong not in shortest or len(shown) < len(shortest[wrong]):
            shortest[wrong] = shown

    for number in range(10 * (count // AT_ONCE + 1)):
        if tried >= count:
            break
        options = settings(
            max_examples=min(AT_ONCE, count - tried),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seeded(1000 * seed + number)(options(given(target.inputs)(property_of)))()
    outcome.count(target.name, "as it should be", tried - len(shortest))
    for wrong, case in sorted(shortest.items()):
        text = case if len(case) <= SHOWN else f"{case[:SHOWN]}... ({len(case)} characters)"
        outcome.find(target.name, f"{wrong}: {text}")
