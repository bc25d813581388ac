"""Means, paired differences and p-values over questions and training seeds.

The unit is the question: its score is the mean over k samples. Seeds are a second level, crossed with questions, since every
seed of a method answers the same ones. The scores of a method are an array [seeds, questions].

With one seed, an interval is the BCa bootstrap over questions, and speaks of that one policy. With several, it speaks of the
method, over questions and seeds. A plain bootstrap of both is wrong twice. It counts the noise of single cells three times
(Owen 2007, "The pigeonhole bootstrap", arXiv 0712.1111), and it takes the spread of 3 or 5 seeds for the true one. So here:

- Questions are resampled by their means over seeds. The spread of these holds the noise of single cells once already.
- Seeds are resampled, separately, by the deviations of their means, rescaled: to the seeds' own variance, (MS_seeds -
  MS_residual) / questions, the part that is no noise of cells; by sqrt(S / (S - 1)), as resampled deviations are too small by
  that; and by the ratio of Student's t quantile to the normal one, as that variance is itself estimated from few seeds.

tests/test_statistics.py measures the coverage of the 95 % intervals and the type-I error of the p-values.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdzero_bench.core.stats.estimators import Estimate

Scores = NDArray[np.float64]
"""Of one method. Shape: [seeds, questions]."""

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class TwoWay:
    """A method's scores taken apart: questions, seeds, and what is left.

    `seeds_term` and `residual_term` are the mean squares of the two-way layout without replication, divided by the number of
    scores: what they contribute to the variance of the grand mean (Searle, Casella and McCulloch 1992, "Variance Components",
    section 4.3). Both are 0 with one seed.
    """

    scores: Scores

    @cached_property
    def by_question(self) -> NDArray[np.float64]:
        """Means over seeds. Shape: [questions]."""
        return self.scores.mean(axis=0)

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """Of the seeds' means from the grand mean. Shape: [seeds]."""
        return self.scores.mean(axis=1) - self.scores.mean()

    @property
    def seeds(self) -> int:
        return self.scores.shape[0]

    @cached_property
    def seeds_term(self) -> float:
        return float((self.deviations**2).sum() / ((self.seeds - 1) * self.seeds)) if self.seeds > 1 else 0.0

    @cached_property
    def residual_term(self) -> float:
        seeds, questions = self.scores.shape
        if seeds == 1 or questions == 1:
            return 0.0
        residual = self.scores - self.by_question - self.deviations[:, None]
        return float((residual**2).sum() / ((seeds - 1) * (questions - 1)) / self.scores.size)

    @cached_property
    def seed_variance(self) -> float:
        """What the seeds themselves contribute to the variance of the grand mean; not below 0."""
        excess = self.seeds_term - self.residual_term
        return excess if excess > 1e-12 * self.seeds_term else 0.0

    @cached_property
    def seed_effects(self) -> NDArray[np.float64]:
        """Deviations whose resampled mean varies by `seed_variance`. Shape: [seeds]."""
        if self.seed_variance == 0:
            return np.zeros(self.seeds)
        return self.deviations * np.sqrt(self.seed_variance / self.seeds_term * self.seeds / (self.seeds - 1))


def estimate(
    methods: Sequence[Scores],
    pairs: Sequence[tuple[int, int]] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
    shares: bool = True,
) -> tuple[list[Estimate], list[Estimate]]:
    """The mean of each method, and of each pair (a, b) the difference b - a, with 95 % BCa intervals.

    The methods answer the same questions, in the same order; their seeds are independent of each other. All figures come from
    the same resampled questions. `shares` says that scores lie between 0 and 1, and so do the intervals of their means, which
    few seeds far apart would otherwise stretch beyond. Where there is one question, or nothing varies, an interval is the mean
    itself. Raises `ValueError` if the numbers of questions differ.
    """
    from scipy.stats import bootstrap

    if len({scores.shape[1] for scores in methods}) > 1:
        raise ValueError("a paired comparison needs the same questions on all sides")
    parts = [TwoWay(scores) for scores in methods]
    # One row a figure: how much of each method it contains.
    weights = np.zeros((len(methods) + len(pairs), len(methods)))
    weights[np.arange(len(methods)), np.arange(len(methods))] = 1
    for row, (a, b) in enumerate(pairs, start=len(methods)):
        weights[row, b] += 1
        weights[row, a] -= 1
    by_question = weights @ np.stack([part.by_question for part in parts])  # [figures, questions]
    means = by_question.mean(axis=1)
    questions = by_question.shape[1]
    if questions == 1:
        return _split([Estimate(float(m), float(m), float(m)) for m in means], len(methods))
    widths = np.array([_t_over_normal([part for part, w in zip(parts, row, strict=True) if w]) for row in weights])
    varying = [i for i, part in enumerate(parts) if part.seed_variance > 0]

    def figures(resampled: Any, *seeds: Any, axis: int = -1) -> Any:
        """Shape: [figures, ...] for indices of questions and of each varying method's seeds, both [..., indices]."""
        # Only the share of each question counts: a product of matrices instead of an array [figures, resamples, questions].
        values = _shares(resampled, questions) @ by_question.T
        for i, chosen in zip(varying, seeds, strict=True):
            effects = parts[i].seed_effects[np.asarray(chosen, dtype=int)].mean(axis=-1)
            values = values + effects[..., None] * (widths * weights[:, i])
        # Sums of the same scores in another order have to be equal: BCa counts ties.
        return np.moveaxis(values, -1, 0).round(12)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what does not vary has no BCa interval, and needs none
        interval = bootstrap(
            (np.arange(questions), *(np.arange(parts[i].seeds) for i in varying)),
            figures,
            vectorized=True,
            axis=-1,
            n_resamples=resamples,
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    low = np.where(np.isnan(interval.low), means, interval.low)
    high = np.where(np.isnan(interval.high), means, interval.high)
    # The last digits depend on how a library orders its sums; a report is to be the same on every machine.
    rounded = np.stack([means, low, high], axis=1).round(12)
    if shares:
        rounded[: len(methods)] = rounded[: len(methods)].clip(0, 1)
    return _split([Estimate(*map(float, row)) for row in rounded], len(methods))


def p_value(before: Scores, after: Scores) -> float:
    """Two-sided p-value of the paired difference of the means, against no difference.

    Student's t with the standard error of the crossed random-effects model, questions, seeds of either side and residual, and
    Satterthwaite's degrees of freedom (1946, "An approximate distribution of estimates of variance components"). With one seed
    on each side it is the paired t test over questions. Identical scores give 1.
    """
    from scipy.stats import t

    parts = [TwoWay(before), TwoWay(after)]
    differences = parts[1].by_question - parts[0].by_question
    questions, mean = len(differences), differences.mean()
    if mean == 0 or questions == 1:
        return 1.0
    of_questions = differences.var(ddof=1) / questions
    variance = of_questions + sum(part.seed_variance for part in parts)
    if variance <= 1e-24 * mean**2:
        return 0.0
    uncertainty = of_questions**2 / (questions - 1)
    for part in parts:
        if part.seeds > 1:
            uncertainty += (part.seeds_term**2 + part.residual_term**2 / (questions - 1)) / (part.seeds - 1)
    return float(2 * t.sf(abs(mean) / np.sqrt(variance), variance**2 / uncertainty))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def _t_over_normal(parts: Sequence[TwoWay]) -> float:
    """Student's t quantile over the normal one, at Satterthwaite's degrees of freedom of the parts' seed variances."""
    from scipy.stats import norm, t

    variances = [(part.seed_variance, part.seeds - 1) for part in parts if part.seed_variance > 0]
    if not variances:
        return 1.0
    freedom = sum(v for v, _ in variances) ** 2 / sum(v**2 / df for v, df in variances)
    return float(t.ppf((1 + LEVEL) / 2, freedom) / norm.ppf((1 + LEVEL) / 2))


def _shares(indices: Any, count: int) -> NDArray[np.float64]:
    """How large a share of the indices each value has. Shape: [..., indices] to [..., count]."""
    flat = np.asarray(indices, dtype=int).reshape(-1, np.shape(indices)[-1])
    offsets = count * np.arange(len(flat))[:, None]
    counts = np.bincount((flat + offsets).ravel(), minlength=count * len(flat))
    return counts.reshape(*np.shape(indices)[:-1], count) / flat.shape[1]


def _split(estimates: list[Estimate], at: int) -> tuple[list[Estimate], list[Estimate]]:
    return estimates[:at], estimates[at:]
