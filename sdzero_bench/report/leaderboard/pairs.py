"""Paired differences of rows, with p-values corrected over all comparisons of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import difference
from sdzero_bench.core.stats.significance import Decision, decide, holm, p_value
from sdzero_bench.core.stats.two_way import Scores


@dataclass(frozen=True)
class Pair:
    """The paired difference `after` - `before` of two rows, over the same questions."""

    before: str
    after: str
    difference: Estimate
    p: float
    p_holm: float
    """Corrected over all comparisons of the table."""

    @property
    def decision(self) -> Decision:
        """Whether `after` is higher or lower than `before`."""
        return decide(self.difference.mean, self.p_holm)

    @property
    def significant(self) -> bool:
        return self.decision != "inconclusive"

    def __neg__(self) -> Pair:
        """`before` - `after`."""
        return Pair(self.after, self.before, -self.difference, self.p, self.p_holm)


def compared(scores: Mapping[str, Scores], pairs: Sequence[tuple[str, str]]) -> list[Pair]:
    """One for each pair (before, after) of labels; these are the comparisons of one table."""
    raw = [p_value(scores[before], scores[after]) for before, after in pairs]
    return [
        Pair(before, after, difference(scores[before], scores[after]), p, corrected)
        for (before, after), p, corrected in zip(pairs, raw, holm(raw), strict=True)
    ]


def all_pairs(scores: Mapping[str, Scores]) -> list[Pair]:
    """Every two rows once, the one of the lower mean before the other."""
    order = sorted(scores, key=lambda label: (scores[label].mean(), label))
    return compared(scores, [(order[i], order[j]) for j in range(len(order)) for i in range(j)])


def towards(pairs: Sequence[Pair], reference: str | None, label: str) -> Pair | None:
    """The pair of a row and the reference, as `label` - `reference`."""
    for pair in pairs:
        if (pair.before, pair.after) == (reference, label):
            return pair
        if (pair.before, pair.after) == (label, reference):
            return -pair
    return None
