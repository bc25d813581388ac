"""How the probe decides: significant and large enough to matter, small for sure, or inconclusive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.significance import SIGNIFICANT, holm

MATERIAL = 0.05
"""A difference that matters: 5 points."""

Finding = Literal["found", "not found", "inconclusive"]


@dataclass(frozen=True)
class TestedDifference:
    """A difference with its p-value, corrected over all those of its table (Holm)."""

    __test__ = False  # no class of tests, whatever pytest makes of its name

    difference: Estimate
    p: float

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANT


def tested(differences: Sequence[tuple[Estimate, float]]) -> list[TestedDifference]:
    """Differences and their uncorrected p-values."""
    corrected = holm([p for _, p in differences])
    return [TestedDifference(found, p) for (found, _), p in zip(differences, corrected, strict=True)]


def finding(differences: Sequence[TestedDifference]) -> Finding:
    """ "found" if one of them is significantly above 0 and at least `MATERIAL`; "not found" if the intervals of all end below
    `MATERIAL`; else "inconclusive"."""
    if any(d.significant and d.difference.mean >= MATERIAL for d in differences):
        return "found"
    return "not found" if all(d.difference.high < MATERIAL for d in differences) else "inconclusive"
