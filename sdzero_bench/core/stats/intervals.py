"""Means, paired differences, ratios, and differences of independent samples, each with its 95 % interval.

The unit is the question: its score is the mean over k samples. Seeds are a second level, crossed with questions, since every
seed of a method answers the same ones. The scores of a method are an array [seeds, questions].

With one seed, an interval is the BCa bootstrap over questions and describes that one policy. With several, it describes the
method, over questions and seeds. A plain bootstrap of both is wrong twice: it counts the noise of single cells three times
(Owen 2007, "The pigeonhole bootstrap", arXiv 0712.1111), and it takes the spread of 3 or 5 seeds for the true one. So here:

- Questions are resampled by their means over seeds. The spread of these holds the noise of single cells once already.
- Seeds are resampled, separately, by the deviations of their means, rescaled: to the seeds' own variance, (MS_seeds -
  MS_residual) / questions, the part that is not noise of cells; by sqrt(S / (S - 1)), since resampled deviations are too small
  by that factor; and by the ratio of Student's t quantile to the normal one, as that variance is estimated from few seeds.

tests/test_statistics.py measures the coverage of these intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sdzero_bench.core.stats.contrast import borrows, contrast, sides
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.resampling import DIGITS, LEVEL, RESAMPLES, Values, bca, fingerprint, seed_draws, unit_draws
from sdzero_bench.core.stats.two_way import Scores, TwoWay

SHARE = (0.0, 1.0)
COUNT = (0.0, math.inf)
ANY = (-math.inf, math.inf)


def mean(scores: Scores, bounds: tuple[float, float] = SHARE, resamples: int = RESAMPLES) -> Estimate:
    """Mean over questions and seeds of one method: avg@k, pass@k, maj@k, response tokens.

    The interval is clipped to `bounds`, between which scores lie: few seeds far apart would otherwise stretch it beyond them.
    With one question, or where nothing varies, the interval is the mean itself.
    """
    found = _over_questions_and_seeds([(1.0, TwoWay(scores))], resamples)
    low, high = bounds
    return Estimate(*(min(max(v, low), high) for v in (found.mean, found.low, found.high)))


def difference(
    before: Scores, after: Scores, resamples: int = RESAMPLES, paired_seeds: bool = False, borrow: bool = False
) -> Estimate:
    """Mean of `after` - `before`, paired by question; with `paired_seeds` by seed as well, else their seeds are independent.

    Both answer the same questions in the same order. Swapping the sides mirrors the estimate exactly. With several paired
    seeds the interval is Student's t, since a bootstrap of 3 or 5 differences covers too little; so it is where one seed
    borrows its variance from the other side (`contrast`). Raises `ValueError` if the numbers of questions, or of paired
    seeds, differ.
    """
    if fingerprint(before) > fingerprint(after):
        return -difference(after, before, resamples, paired_seeds, borrow)
    if (paired_seeds and len(before) > 1) or (borrow and borrows(before, after)):
        found = contrast(before, after, paired_seeds, borrow)
        return Estimate(*(round(value, DIGITS) for value in (found.difference, *found.interval(LEVEL))))
    first, second = sides(before, after)
    return _over_questions_and_seeds([(-1.0, TwoWay(first)), (1.0, TwoWay(second))], resamples)


def ratio(part: Scores, whole: Scores) -> Scores | None:
    """Scores whose mean is sum(part) / sum(whole), for rates such as corrected / initially incorrect responses.

    `part` and `whole` are counts, [seeds, questions]. The result is R + (part - R whole) / mean(whole), the ratio R linearised
    at the sample (Cochran 1977, "Sampling Techniques", section 2.11): its mean is R, and its intervals and p-values over
    questions and seeds are those of `mean`, `difference` and `p_value`. It applies where sum(whole) is large enough for R to be
    nearly linear in both sums. None if sum(whole) is 0.
    """
    if whole.sum() == 0:
        return None
    rate = part.sum() / whole.sum()
    linearised: Values = rate + (part - rate * whole) / whole.mean()
    return linearised


def independent_difference(first: Values, second: Values) -> Estimate:
    """Mean of `second` - mean of `first`, two independent samples of at least 2 values each, such as responses.

    BCa with each sample resampled by itself.
    """
    drawn = [unit_draws(len(values), RESAMPLES, stream) @ values for stream, values in enumerate((first, second))]
    value = float(second.mean() - first.mean())
    return bca(value, drawn[1] - drawn[0], [first.mean() - first, second - second.mean()])


def _over_questions_and_seeds(sides: Sequence[tuple[float, TwoWay]], resamples: int) -> Estimate:
    """The weighted sum of the sides' means."""
    by_question = sum((weight * side.by_question for weight, side in sides), np.zeros(1))
    value = float(by_question.mean())
    replicates = unit_draws(len(by_question), resamples) @ by_question
    influences = [by_question - value]
    width = _t_over_normal([side for _, side in sides])
    for weight, side in sides:
        if side.seed_variance > 0:
            effects = weight * width * side.seed_effects
            replicates = replicates + effects[seed_draws(side.scores, resamples)].mean(axis=1)
            influences.append(effects)
    if len(by_question) == 1:
        return Estimate(value, value, value)
    return bca(value, replicates, influences)


def _t_over_normal(sides: Sequence[TwoWay]) -> float:
    """Student's t quantile over the normal one, at Satterthwaite's degrees of freedom of the sides' seed variances."""
    from scipy.stats import norm, t

    variances = [(side.seed_variance, side.seeds - 1) for side in sides if side.seed_variance > 0]
    if not variances:
        return 1.0
    freedom = sum(v for v, _ in variances) ** 2 / sum(v**2 / df for v, df in variances)
    return float(t.ppf((1 + LEVEL) / 2, freedom) / norm.ppf((1 + LEVEL) / 2))
