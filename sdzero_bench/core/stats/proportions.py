"""Differences of shares of rare events, where a bootstrap of nothing but zeros would give an interval of no width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sdzero_bench.core.stats.estimators import Estimate


def difference_of_shares(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Estimate:
    """Share of True in `after` minus that in `before`, with Newcombe's hybrid score interval (95 %).

    For independent samples; of pairs that are positively correlated, it is wider than it has to be.
    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        int(after.sum()), len(after), int(before.sum()), len(before), method="newcomb", compare="diff", alpha=0.05
    )
    return Estimate(float(after.mean() - before.mean()), float(low), float(high))
