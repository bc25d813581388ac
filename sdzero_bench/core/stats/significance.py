"""p-values, their correction for many comparisons, and the one rule by which every table decides a difference.

The rule: a difference is decided if its p-value, Holm-corrected over all comparisons of its table, is below 0.05; its direction
is then that of the difference. Otherwise it is inconclusive. It applies to ranks and groups of a leaderboard, to the rows of an
experiment, to the paper's order and to its claims.

Why p-values and not the printed intervals: an interval bounds one difference, and in a table of 24 claims one in twenty would
be decided by chance. Holm's procedure bounds the chance of any such error in a table at 5 %, whatever the dependence between
its comparisons. The family is the table because that is what a reader looks through for differences. A claim with a threshold
("exceeds 10 points") is tested against that threshold. The tests are two-sided, since a claim may also be refuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sdzero_bench.core.stats.resampling import Values
from sdzero_bench.core.stats.two_way import Scores, TwoWay

SIGNIFICANT = 0.05

Decision = Literal["higher", "lower", "inconclusive"]


def decide(difference: float, p_holm: float, threshold: float = 0.0) -> Decision:
    """Whether a difference is above or below `threshold`; `p_holm` is of the test against that threshold."""
    if p_holm >= SIGNIFICANT:
        return "inconclusive"
    return "higher" if difference > threshold else "lower"


def p_value(before: Scores, after: Scores, threshold: float = 0.0) -> float:
    """Two-sided p-value of the paired difference of the means, `after` - `before`, against `threshold`.

    Student's t with the standard error of the crossed random-effects model, questions, seeds of either side and residual, and
    Satterthwaite's degrees of freedom (1946, "An approximate distribution of estimates of variance components"). With one seed
    on each side it is the paired t test over questions. Identical scores give 1.
    """
    from scipy.stats import t

    parts = [TwoWay(before), TwoWay(after)]
    differences = parts[1].by_question - parts[0].by_question
    questions, mean = len(differences), differences.mean() - threshold
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


def independent_p_value(first: Values, second: Values, threshold: float = 0.0) -> float:
    """Two-sided p-value of mean(second) - mean(first) against `threshold`, for two independent samples: Welch's t test.

    Source: Welch 1947, "The generalization of Student's problem". Needs 2 values on each side. Equal constants give 1.
    """
    from scipy.stats import ttest_ind

    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return 1.0 if second[0] - first[0] == threshold else 0.0
    return float(ttest_ind(second - threshold, first, equal_var=False).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979, "A simple sequentially rejective multiple test procedure")."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []
