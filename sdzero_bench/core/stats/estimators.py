"""pass@k and maj@k of a question, and the mean over questions that a run records about itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pass_at_k(n: int, c: int, k: int) -> float:
    """Probability that at least one of k samples is correct, given c correct ones of n drawn.

    The unbiased estimator 1 - C(n-c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374, equation 1).
    Raises `ValueError` unless 0 <= c <= n and 1 <= k <= n.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} right samples of {n}")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} cannot be estimated from {n} samples; draw at least {k}")
    return 1.0 - comb(n - c, k) / comb(n, k)


def majority_at_k(votes: Sequence[tuple[str | None, bool]]) -> float:
    """Probability that the most frequent answer of the samples is correct, ties being broken at random.

    `votes` are (final answer, whether it is correct), one per sample. Correct answers are one candidate however they are
    written; incorrect ones are distinguished by their text. A sample without an answer does not vote; without any vote the
    result is 0.
    Source: self-consistency, Wang et al. 2022 (arXiv 2203.11171).
    """
    counts = Counter("" if right else f"wrong: {answer}" for answer, right in votes if answer is not None)
    if not counts:
        return 0.0
    most = max(counts.values())
    leaders = [candidate for candidate, count in counts.items() if count == most]
    return ("" in leaders) / len(leaders)


@dataclass(frozen=True)
class Estimate:
    """A mean over questions, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def interval(self) -> list[float]:
        return [self.low, self.high]

    def __neg__(self) -> Estimate:
        return Estimate(0.0 - self.mean, 0.0 - self.high, 0.0 - self.low)  # and not -0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def mean_over_questions(values: Sequence[float] | NDArray[np.float64], resamples: int = 2000, seed: int = 0) -> Estimate:
    """Mean and 95 % BCa bootstrap interval over questions, as a run records it in evaluation.json.

    It describes one policy: training seeds do not matter. `intervals.mean` of one seed gives the same. These figures are in
    committed records and are recomputed by `validate`: they must stay the same to the last bit. Where all values are equal, or
    there is only one, the interval is the mean itself. Source: Efron 1987, "Better Bootstrap Confidence Intervals".
    """
    from scipy.stats import bootstrap

    data = np.asarray(values, dtype=float)
    mean = float(data.mean())
    if len(data) < 2 or np.ptp(data) == 0:
        return Estimate(mean, mean, mean)
    result = bootstrap((data,), np.mean, n_resamples=resamples, method="BCa", rng=np.random.default_rng(seed))
    return Estimate(mean, float(result.confidence_interval.low), float(result.confidence_interval.high))
