"""p-values, their correction for many comparisons, and the one rule by which every table decides a difference.

The rule: a difference is significant if its p-value, Holm-corrected over the family of its comparison, is below 0.05; its
direction is then that of the difference. Otherwise it is inconclusive, for one of two reasons: it is *equivalent*, if two
one-sided tests, corrected alike, put it within a margin of 0; else the comparison is *underpowered*.

Why p-values and not the printed intervals: an interval bounds one difference, and in a table of 24 claims one in twenty would
be decided by chance. Holm's procedure bounds the chance of any such error in a family at 5 %, whatever the dependence between
its comparisons. A family is fixed before anything runs, and what was not run counts with p = 1: which other rows lie in a
folder changes no verdict. Comparisons that are in no family, such as all pairs of a table, are exploratory: they are not
corrected, and are called at p < 0.005 (Benjamin et al. 2018, "Redefine statistical significance").

A claim with a threshold ("exceeds 10 points") is tested against that threshold. The tests are two-sided, since a claim may
also be refuted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from sdzero_bench.core.stats.contrast import contrast
from sdzero_bench.core.stats.resampling import Values
from sdzero_bench.core.stats.two_way import Scores

SIGNIFICANT = 0.05
EXPLORATORY = 0.005
"""For comparisons that are not corrected."""

MARGIN = 0.02
"""Differences of accuracy within it count as equivalent: 2 points."""

Decision = Literal["higher", "lower", "equivalent", "underpowered", "inconclusive"]
"""`inconclusive`, without a reason, is said of figures that no margin is defined for."""

DECIDED: tuple[Decision, ...] = ("higher", "lower")

UNDECIDED: dict[Decision, str] = {"equivalent": "equivalent", "underpowered": "inconclusive (underpowered)"}
"""What a verdict says of a difference that is not significant; `inconclusive` is said as it is."""


def decide(
    difference: float, p: float, threshold: float = 0.0, p_equivalent: float | None = None, alpha: float = SIGNIFICANT
) -> Decision:
    """Whether a difference is above or below `threshold`, or else why not; both p-values are of tests against it.

    They are corrected for their family, or `alpha` is `EXPLORATORY`. `p_equivalent` is None for a figure without a margin.
    """
    if p < alpha:
        return "higher" if difference > threshold else "lower"
    if p_equivalent is None:
        return "inconclusive"
    return "equivalent" if p_equivalent < alpha else "underpowered"


def p_value(before: Scores, after: Scores, threshold: float = 0.0, paired_seeds: bool = False) -> float:
    """Two-sided p-value of the paired difference of the means, `after` - `before`, against `threshold`.

    See `contrast`. With one seed on each side it is the paired t test over questions. Identical scores give 1.
    """
    return contrast(before, after, paired_seeds).p_value(threshold)


def independent_p_value(first: Values, second: Values, threshold: float = 0.0) -> float:
    """Two-sided p-value of mean(second) - mean(first) against `threshold`, for two independent samples: Welch's t test.

    Never below what a permutation test of so few values can give. Source: Welch 1947, "The generalization of Student's
    problem". Needs 2 values on each side. Equal constants give 1.
    """
    from scipy.stats import ttest_ind

    if np.ptp(first) == 0 and np.ptp(second) == 0 and second[0] - first[0] == threshold:
        return 1.0
    least = 2 / math.comb(len(first) + len(second), len(first))  # of the permutation test
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return min(1.0, least)
    return max(min(1.0, least), float(ttest_ind(second - threshold, first, equal_var=False).pvalue))


def holm(p_values: Sequence[float], absent: int = 0) -> list[float]:
    """p-values corrected for their number (Holm 1979, "A simple sequentially rejective multiple test procedure").

    `absent` is the number of comparisons of the family that could not be made; they count as if their p-value were 1. The same
    as statsmodels' `multipletests`, which collects garbage at every call: 0.1 s each.
    """
    if np.isnan(p_values).any():
        raise ValueError("a p-value is not a number")
    corrected, least = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(np.argsort(p_values, kind="stable")):
        least = min(1.0, max(least, (len(p_values) + absent - rank) * p_values[i]))
        corrected[i] = least
    return corrected


def holm_in_family(p_values: Mapping[str, float], family: Collection[str]) -> dict[str, float]:
    """By name, corrected over a family that is fixed in advance: `family` names its comparisons.

    Those that were not made count with p = 1. A comparison of another name is corrected as if the family had it in addition
    and no other one, so that it changes nothing about the rest.
    """
    members = {name: p for name, p in p_values.items() if name in family}
    absent = len(set(family) - members.keys())
    corrected = dict(zip(members, holm(list(members.values()), absent), strict=True))
    for name, p in p_values.items():
        if name not in members:
            corrected[name] = holm([p, *members.values()], absent)[0]
    return corrected
