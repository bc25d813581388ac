"""The BCa bootstrap, with random numbers that depend only on the scores.

A figure has one interval wherever it is printed: its random numbers do not depend on what else is in a table. Draws of
questions depend on their number alone, so that all figures over the same questions share them (common random numbers) and
agree with the intervals that a run records about itself, which `scipy.stats.bootstrap` draws from the same generator. Draws
of seeds are keyed by a SHA-256 of the scores, so that those of the two sides of a difference are independent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sdzero_bench.core.stats.estimators import Estimate

LEVEL = 0.95
RESAMPLES = 2000

Values = NDArray[np.float64]

DIGITS = 12
"""Figures are rounded to these: the last digits depend on the order in which a library sums, which differs by machine."""


@lru_cache(maxsize=4)
def unit_draws(units: int, resamples: int, stream: int = 0) -> Values:
    """Share of each unit (a question, or a response) in each resample. Shape: [resamples, units]. Rows sum to 1.

    `stream` distinguishes draws that have to be independent. The array is shared: do not write to it.
    """
    drawn = np.random.default_rng(stream).integers(0, units, (resamples, units))
    offsets = units * np.arange(resamples)[:, None]
    return np.bincount((drawn + offsets).ravel(), minlength=units * resamples).reshape(resamples, units) / units


def seed_draws(scores: Values, resamples: int) -> NDArray[np.int64]:
    """Indices of resampled seeds. `scores`: [seeds, questions]. Shape: [resamples, seeds]."""
    seeds = scores.shape[0]
    return np.random.default_rng(int(fingerprint(scores)[:32], 16)).integers(0, seeds, (resamples, seeds))


def fingerprint(scores: Values) -> str:
    """SHA-256 of the scores and their shape, in hexadecimal."""
    rounded = np.ascontiguousarray(scores.round(DIGITS) + 0.0)  # + 0.0 turns -0.0 into 0.0
    return hashlib.sha256(repr(rounded.shape).encode() + rounded.tobytes()).hexdigest()


def bca(value: float, replicates: Values, influences: Sequence[Values]) -> Estimate:
    """`value` with its bias-corrected and accelerated interval (Efron 1987, "Better Bootstrap Confidence Intervals").

    `replicates` are the resampled values, [resamples]. `influences` has one array per independent sample: what each of its n
    units adds to the value, centred and in units of the value. The acceleration is sum(u^3 / n^3) / (6 sum(u^2 / n^2)^1.5) over
    all samples (Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 5.3). Where nothing varies, the
    interval is the value itself.
    """
    from scipy.special import ndtr, ndtri

    value, replicates = round(value, DIGITS), replicates.round(DIGITS)  # equal sums have to be equal: ties are counted
    spread = sum(float((u**2).sum()) / len(u) ** 2 for u in influences)
    below = ((replicates < value).mean() + (replicates <= value).mean()) / 2
    if spread <= 1e-24 or not 0 < below < 1:
        return Estimate(value, value, value)
    bias = ndtri(below)
    acceleration = sum(float((u**3).sum()) / len(u) ** 3 for u in influences) / (6 * spread**1.5)
    shifted = bias + ndtri([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = np.quantile(replicates, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return Estimate(value, round(float(low), DIGITS), round(float(high), DIGITS))
