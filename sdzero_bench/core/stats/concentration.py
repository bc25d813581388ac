"""How the divergence of one response is spread over its tokens (the paper's Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def buckets(kl: Sequence[float], count: int = 20) -> list[float]:
    """Share of a response's divergence that falls on each `count`-th of its tokens, the tokens with most of it first.

    `kl` is kl(student, teacher) of each token, in nats and not negative. The tokens are sorted by it, descending, and cut into
    `count` equally wide buckets; where their number is no multiple of that, a token on a border counts in part on either side.
    The shares sum to 1. A response without any divergence has no shares to speak of: all are 0, and means over responses
    should leave it out. Source: the paper's Figure 4, with 20 buckets. Raises `ValueError` for a negative divergence.
    """
    mass = np.sort(_checked(kl))[::-1]
    if not mass.sum() > 0:
        return [0.0] * count
    borders = np.linspace(0, len(mass), count + 1)
    below = np.interp(borders, np.arange(len(mass) + 1), np.concatenate([[0.0], np.cumsum(mass)]))
    return [float(share) for share in np.diff(below) / below[-1]]


def concentration(kl: Sequence[float]) -> float:
    """The Gini coefficient of the tokens' divergences: 0 where all have the same, near 1 where few have it all.

    Half the mean absolute difference of two tokens' kl(student, teacher), in units of the mean; at most 1 - 1 / tokens. 0
    where there is no divergence. Raises `ValueError` for a negative divergence.
    """
    mass = np.sort(_checked(kl))
    if not mass.sum() > 0:
        return 0.0
    n = len(mass)
    return max(0.0, float((2 * np.arange(1, n + 1) - n - 1) @ mass / (n * mass.sum())))


def _checked(kl: Sequence[float]) -> np.ndarray:
    mass = np.asarray(kl, dtype=float)
    if (mass < 0).any():
        raise ValueError("a divergence is never negative")
    return mass
