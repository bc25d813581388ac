"""Training seeds that lie far from the others of their method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST = 0.02
"""A seed nearer to the mean of the others is no outlier, however close together these are: 2 points of accuracy."""

LEVEL = 0.1
"""Probability that any seed of a method is flagged where all are alike."""


def outliers(means: Sequence[float]) -> list[int]:
    """Indices of the values that are outliers by Grubbs' two-sided test (1950, "Sample criteria for testing outlying
    observations"), each tested against the rest; none of fewer than three values.
    """
    from scipy.stats import t

    values = np.asarray(means, dtype=float)
    count = len(values)
    found = []
    for i in range(count if count >= 3 else 0):
        others = np.delete(values, i)
        distance = abs(values[i] - others.mean())
        if distance < LEAST:
            continue
        error = others.std(ddof=1) * np.sqrt(count / (count - 1))
        if error > 0 and 2 * t.sf(distance / error, count - 2) * count < LEVEL:
            found.append(i)
    return found
