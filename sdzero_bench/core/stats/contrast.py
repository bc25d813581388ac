"""A difference of two means with its standard error: p-values, equivalence, and the smallest difference that could be found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdzero_bench.core.stats.two_way import Scores, TwoWay

POWER = 0.8
"""Of a minimal detectable difference."""

QUANTILES = 1000


@dataclass(frozen=True)
class Contrast:
    """`after` - `before`. Its standard error is of the crossed random-effects model: questions, seeds of either side, residual.

    Its degrees of freedom are Satterthwaite's (1946, "An approximate distribution of estimates of variance components").
    """

    difference: float
    standard_error: float
    freedom: float
    least_p: float = 0.0
    """The smallest two-sided p-value that so few questions can give, however alike they are: that of the sign-flip test."""

    def p_value(self, threshold: float = 0.0) -> float:
        """Two-sided, of the difference against `threshold`: Student's t. A difference that equals it has 1."""
        from scipy.stats import t

        distance = self.difference - threshold
        if distance == 0 or self.freedom <= 0:
            return 1.0
        if self._exact(distance):
            return self.least_p
        return max(self.least_p, float(2 * t.sf(abs(distance) / self.standard_error, self.freedom)))

    def p_equivalent(self, margin: float, around: float = 0.0) -> float:
        """Of the claim that the difference is within `margin` of `around`: two one-sided tests.

        Source: Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power approach".
        """
        from scipy.stats import t

        room = margin - abs(self.difference - around)
        if self.freedom <= 0:
            return 1.0
        if self._exact(room):
            return self.least_p / 2 if room > 0 else 1.0
        return max(self.least_p / 2, float(t.sf(room / self.standard_error, self.freedom)))

    def detectable(self, alpha: float, power: float = POWER) -> float | None:
        """The smallest true difference that a two-sided test at `alpha` finds with probability `power`, at this standard error.

        By the noncentral t distribution, as the mean over the quantiles of the chi-squared one that estimates the variance
        (`scipy.stats.nct` is NaN at few degrees of freedom); that it may be found in the wrong direction is left out. None
        where there are no degrees of freedom.
        """
        from scipy.optimize import brentq
        from scipy.stats import chi2, norm, t

        if self.freedom <= 0:
            return None
        if self.standard_error == 0:
            return 0.0
        critical = float(t.isf(alpha / 2, self.freedom))
        spread = np.sqrt(chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, self.freedom) / self.freedom)

        def lacking(effect: float) -> float:
            return float(norm.sf(critical * spread - effect).mean()) - power

        return float(brentq(lacking, 0.0, 10 * critical + 10)) * self.standard_error

    def interval(self, level: float) -> tuple[float, float]:
        """Student's t interval of the difference."""
        from scipy.stats import t

        half = float(t.ppf((1 + level) / 2, self.freedom)) * self.standard_error if self.freedom > 0 else 0.0
        return self.difference - half, self.difference + half

    def _exact(self, distance: float) -> bool:
        """Whether nothing varies beside a distance."""
        return self.standard_error**2 <= 1e-24 * distance**2


def contrast(before: Scores, after: Scores, paired_seeds: bool = False, borrow: bool = False) -> Contrast:
    """Paired by question; with `paired_seeds` also by seed, row by row, for seeds that have something in common.

    With one seed on each side it is that of the paired t test over questions, of these two policies. With one seed on one side
    only, `borrow` says that it varies as the other side's seeds do: it is a trained policy, and not the base, which has no
    seed. Raises `ValueError` if the numbers of questions, or of paired seeds, differ.
    """
    parts = [TwoWay(side) for side in sides(before, after, paired_seeds)]
    by_question = parts[-1].by_question if paired_seeds else parts[1].by_question - parts[0].by_question
    questions, difference = len(by_question), float(by_question.mean())
    if questions == 1:
        return Contrast(difference, 0.0, 0.0)
    of_questions = by_question.var(ddof=1) / questions
    lone = borrow and borrows(before, after)
    variance = of_questions
    uncertainty = of_questions**2 / (questions - 1)
    for part in parts:
        # The mean of one seed varies as much as that of S seeds, S times.
        times = 1 + part.seeds if lone else 1
        variance += times * part.seed_variance
        if part.seeds > 1:
            uncertainty += times**2 * (part.seeds_term**2 + part.residual_term**2 / (questions - 1)) / (part.seeds - 1)
    freedom = variance**2 / uncertainty if uncertainty > 0 else float("inf")
    if paired_seeds and parts[0].seed_variance > 0:
        # Few seeds on one side only: Satterthwaite's would be too many (tests/test_comparisons.py measures it).
        freedom = min(freedom, parts[0].seeds - 1)
    return Contrast(difference, float(np.sqrt(variance)), float(freedom), least_p=2.0 ** (1 - questions))


def borrows(before: Scores, after: Scores) -> bool:
    """Whether one side alone has several seeds, from which the variance of the other's one seed can be known."""
    return (len(before) == 1) != (len(after) == 1)


def sides(before: Scores, after: Scores, paired_seeds: bool = False) -> list[Scores]:
    """What varies independently: the scores of either side, or, paired by seed, their differences alone.

    Raises `ValueError` as `contrast` does.
    """
    if before.shape[1] != after.shape[1]:
        raise ValueError("a paired comparison needs the same questions on both sides")
    if not paired_seeds:
        return [before, after]
    if before.shape != after.shape:
        raise ValueError("a comparison that is paired by seed needs the same seeds on both sides")
    return [after - before]
