"""Intervals cover what they promise and p-values reject as often as they say; each figure against an independent formula."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from sdzero_bench.core.stats.estimators import Estimate, mean_over_questions
from sdzero_bench.core.stats.intervals import ANY, COUNT, difference, independent_difference, mean, ratio
from sdzero_bench.core.stats.letters import letters
from sdzero_bench.core.stats.resampling import bca
from sdzero_bench.core.stats.significance import decide, holm, independent_p_value, p_value
from sdzero_bench.core.stats.two_way import Scores, TwoWay

K = 8
QUESTIONS = 150
DIFFICULTY, OWN, INTERACTION = 1.5, 0.5, 0.3
"""Standard deviations in logits: of the questions, of what a method finds hard of its own, of what a seed does."""


def draw(rng: np.random.Generator, difficulty: np.ndarray, seeds: int, spread: float, mean: float) -> tuple[Scores, np.ndarray]:
    """Shares of K right samples, [seeds, questions], of a method whose seeds differ by `spread`; and what they differ by."""
    effects = rng.normal(0, spread, seeds)
    own = rng.normal(0, OWN, len(difficulty))
    cells = rng.normal(0, INTERACTION, (seeds, len(difficulty)))
    return rng.binomial(K, expit(mean + effects[:, None] + difficulty + own + cells)) / K, effects


def truth(mean: float, effects: np.ndarray, spread: float) -> float:
    """Accuracy over all questions: of this one policy for one seed, over all seeds for several. By quadrature."""
    variance = DIFFICULTY**2 + OWN**2 + INTERACTION**2
    if len(effects) > 1:
        variance += spread**2
    else:
        mean += effects[0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return float((weights / weights.sum() * expit(mean + math.sqrt(variance) * nodes)).sum())


def coverage(seeds: int, spread: float, simulations: int, resamples: int = 1000) -> np.ndarray:
    """Share of simulations in which the interval covers the truth: of two means, and of their paired difference."""
    rng = np.random.default_rng([seeds, int(100 * spread)])
    covered = np.zeros(3)
    for _ in range(simulations):
        difficulty = rng.normal(0, DIFFICULTY, QUESTIONS)
        (a, effects_a), (b, effects_b) = (draw(rng, difficulty, seeds, spread, centre) for centre in (0.0, 0.4))
        wanted = [truth(0.0, effects_a, spread), truth(0.4, effects_b, spread)]
        estimates = [mean(a, resamples=resamples), mean(b, resamples=resamples), difference(a, b, resamples)]
        for i, (found, true) in enumerate(zip(estimates, [*wanted, wanted[1] - wanted[0]], strict=True)):
            covered[i] += found.low <= true <= found.high
    share = covered / simulations
    print(f"{seeds} seeds, spread {spread}: means {share[0]:.3f} and {share[1]:.3f}, paired difference {share[2]:.3f}")
    return share


ALIKE, APART = 0.1, 0.6
"""Spreads of seeds in logits, small and large beside what the choice of questions does to a mean: 1.5 / sqrt(150) = 0.12."""


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_95_percent_intervals_cover_the_truth(seeds: int) -> None:
    """500 simulations: the standard error of a coverage is 1 point, three of which are allowed below 93 %; that of the mean of
    the six is at most 0.7 (two spreads are independent), so that this mean has to be in 93 to 97 %, give or take 0.7."""
    shares = np.concatenate([coverage(seeds, spread, simulations=500) for spread in (ALIKE, APART)])
    assert (shares >= 0.93 - 0.03).all()
    assert 0.93 - 0.007 <= shares.mean() <= 0.97 + 0.007


@pytest.mark.slow
@pytest.mark.parametrize("spread", [ALIKE, APART])
@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_95_percent_intervals_cover_the_truth_in_93_to_97_of_100_simulations(seeds: int, spread: float) -> None:
    """4,000 simulations: the standard error of a coverage is 0.35 points."""
    shares = coverage(seeds, spread, simulations=4000)
    assert (shares >= 0.93).all()
    assert (shares <= 0.97).all()


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("seeds", [(1, 1), (1, 5), (3, 3), (5, 5)])
def test_equal_methods_differ_significantly_in_at_most_5_of_100_simulations(seeds: tuple[int, int], spread: float) -> None:
    """2,000 simulations: 6.5 % is three standard errors above 5 %. One seed differs from another, so it has no spread here."""
    rng = np.random.default_rng([*seeds, int(100 * spread)])
    simulations, rejected = 2000, 0
    for _ in range(simulations):
        difficulty = rng.normal(0, DIFFICULTY, QUESTIONS)
        a, b = (draw(rng, difficulty, s, spread if s > 1 else 0.0, 0.3)[0] for s in seeds)
        rejected += p_value(a, b) < 0.05
    print(f"seeds {seeds}, spread {spread}: {rejected / simulations:.3f} of the null differences are significant")
    assert rejected / simulations <= 0.065
    assert rejected / simulations >= 0.01


def example(rng: np.random.Generator, seeds: int, questions: int = 60, spread: float = 0.4, mean: float = 0.0) -> Scores:
    return draw(rng, np.random.default_rng(1).normal(0, DIFFICULTY, questions), seeds, spread, mean)[0]


def test_mean_squares_are_those_of_the_analysis_of_variance() -> None:
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    scores = example(np.random.default_rng(0), 4)
    cells = [(s, q, value) for s, row in enumerate(scores) for q, value in enumerate(row)]
    table = anova_lm(ols("score ~ C(seed) + C(question)", pd.DataFrame(cells, columns=["seed", "question", "score"])).fit())
    part = TwoWay(scores)
    assert part.seeds_term == pytest.approx(table["mean_sq"]["C(seed)"] / scores.size)
    assert part.residual_term == pytest.approx(table["mean_sq"]["Residual"] / scores.size)
    of_questions = part.by_question.var(ddof=1) / scores.shape[1]
    assert of_questions == pytest.approx(table["mean_sq"]["C(question)"] / scores.size)


def test_resampled_seed_effects_vary_as_much_as_the_seeds_do() -> None:
    part = TwoWay(example(np.random.default_rng(2), 5, spread=1.0))
    assert part.seed_variance > 0
    assert part.seed_effects.var() / part.seeds == pytest.approx(part.seed_variance)
    assert part.seed_effects.mean() == pytest.approx(0, abs=1e-12)


def test_with_one_seed_a_side_p_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(3)
    a, b = example(rng, 1), example(rng, 1, mean=0.3)
    assert p_value(a, b) == pytest.approx(stats.ttest_rel(b[0], a[0]).pvalue)
    assert p_value(b, a) == pytest.approx(p_value(a, b))


def test_with_seeds_that_differ_much_p_nears_the_t_test_over_seeds() -> None:
    """With many questions nothing but the seeds' means is uncertain: Welch's test of those."""
    rng = np.random.default_rng(4)
    a, b = example(rng, 4, questions=20_000, spread=1.0), example(rng, 5, questions=20_000, spread=0.5, mean=0.8)
    welch = stats.ttest_ind(a.mean(axis=1), b.mean(axis=1), equal_var=False).pvalue
    assert p_value(a, b) == pytest.approx(welch, rel=0.02)


def test_intervals_of_shares_stay_between_0_and_1_and_others_need_not() -> None:
    scores = np.array([[1.0, 1.0, 0.9, 1.0], [0.7, 0.8, 0.7, 0.6], [1.0, 0.9, 1.0, 1.0]])
    within, beyond = mean(scores), mean(scores, ANY)
    assert beyond.high > 1 == within.high
    assert within.low == beyond.low
    lengths = np.array([[30.0, 31.0, 29.0], [2.0, 1.0, 3.0], [1.0, 2.0, 1.0]])
    assert mean(lengths, ANY).low < 0 == mean(lengths, COUNT).low


@pytest.mark.parametrize("seeds", [1, 3])
def test_identical_policies_have_p_1_and_no_difference(seeds: int) -> None:
    scores = example(np.random.default_rng(5), seeds)
    assert p_value(scores, scores) == 1.0
    assert difference(scores, scores) == Estimate(0.0, 0.0, 0.0)
    certain = np.ones((seeds, 20))
    assert mean(certain).interval == [1.0, 1.0]
    assert p_value(certain, certain) == 1.0
    assert p_value(certain, 0 * certain) == 2 / 2**20  # of the sign-flip test


def test_with_one_seed_intervals_are_those_of_the_runs_own_record() -> None:
    rng = np.random.default_rng(6)
    a, b = example(rng, 1), example(rng, 1, mean=0.5)
    assert mean(a).interval == pytest.approx(mean_over_questions(list(a[0])).interval, abs=1e-9)
    assert difference(a, b).interval == pytest.approx(mean_over_questions(list(b[0] - a[0])).interval, abs=1e-9)


def test_an_interval_over_seeds_is_that_of_a_slow_bootstrap_of_the_same_parts() -> None:
    """Percentiles of a loop that resamples question means and rescaled seed deviations, one index at a time."""
    scores = example(np.random.default_rng(7), 5, questions=80, spread=0.5)
    seeds, questions = scores.shape
    by_question, deviations = scores.mean(axis=0), scores.mean(axis=1) - scores.mean()
    residual = scores - by_question - deviations[:, None]
    ms_seeds = questions * (deviations**2).sum() / (seeds - 1)
    ms_residual = (residual**2).sum() / ((seeds - 1) * (questions - 1))
    assert ms_seeds > ms_residual
    own = deviations * math.sqrt((1 - ms_residual / ms_seeds) * seeds / (seeds - 1))
    own *= stats.t.ppf(0.975, seeds - 1) / stats.norm.ppf(0.975)
    rng = np.random.default_rng(8)
    resampled = [
        np.mean([by_question[rng.integers(questions)] for _ in range(questions)])
        + np.mean([own[rng.integers(seeds)] for _ in range(seeds)])
        for _ in range(4000)
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    found = mean(scores)
    # BCa shifts both ends a little; Monte Carlo error of either is about 0.004.
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.025)
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)


def test_more_seeds_of_the_same_kind_narrow_an_interval() -> None:
    rng = np.random.default_rng(9)
    few, many = (mean(example(rng, seeds, 200, spread=0.6)) for seeds in (3, 12))
    assert many.high - many.low < few.high - few.low


def test_swapping_the_sides_mirrors_a_difference_to_the_last_bit() -> None:
    rng = np.random.default_rng(10)
    for seeds in ((1, 1), (1, 3), (3, 5)):
        a, b = (example(rng, s, spread=0.6, mean=m) for s, m in zip(seeds, (0.0, 0.3), strict=True))
        assert difference(b, a) == -difference(a, b)


def test_bca_is_that_of_scipy_for_samples_of_several_kinds() -> None:
    rng = np.random.default_rng(11)
    first, second = rng.gamma(2.0, size=80), rng.gamma(1.0, size=50)
    theirs = stats.bootstrap(
        (first, second),
        lambda a, b, axis=-1: b.mean(axis=axis) - a.mean(axis=axis),
        n_resamples=4000,
        method="BCa",
        rng=np.random.default_rng(12),
    )
    ours = bca(
        float(second.mean() - first.mean()),
        theirs.bootstrap_distribution,
        [first.mean() - first, second - second.mean()],
    )
    low, high = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)
    found = independent_difference(first, second)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05)
    assert independent_difference(first, first + 1).high > 1  # samples of equal size are resampled independently


def test_independent_samples_are_compared_by_welchs_test() -> None:
    rng = np.random.default_rng(13)
    first, second = rng.normal(0, 1, 30), rng.normal(0.5, 2, 50)
    assert independent_p_value(first, second) == pytest.approx(stats.ttest_ind(second, first, equal_var=False).pvalue)
    assert independent_p_value(first, second, float(second.mean() - first.mean())) == pytest.approx(1)
    assert independent_p_value(np.zeros(3), np.zeros(4)) == 1.0
    assert independent_p_value(np.zeros(3), np.ones(4)) == 2 / 35  # of the permutation test


def test_a_threshold_moves_the_hypothesis() -> None:
    rng = np.random.default_rng(14)
    a, b = example(rng, 3), example(rng, 3, mean=0.5)
    assert p_value(a, b, 0.1) == pytest.approx(p_value(a + 0.1, b))
    assert p_value(a, b, float(b.mean() - a.mean())) == pytest.approx(1)


def test_a_ratio_has_its_seeds_in_the_interval() -> None:
    """Equal seeds add nothing; seeds that differ in their rate widen it."""
    rng = np.random.default_rng(15)
    whole = np.tile(rng.integers(1, 8, 200).astype(float), (3, 1))
    alike = np.tile(rng.binomial(whole[0].astype(int), 0.4).astype(float), (3, 1))
    apart = np.stack([rng.binomial(whole[0].astype(int), rate) for rate in (0.2, 0.4, 0.6)]).astype(float)
    narrow, wide = (mean(ratio(part, whole)) for part in (alike, apart))
    assert narrow.mean == pytest.approx(alike.sum() / whole.sum())
    assert narrow == mean(ratio(alike[:1], whole[:1]))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert ratio(np.zeros((1, 3)), np.zeros((1, 3))) is None


@pytest.mark.parametrize(
    ("value", "p", "threshold", "decision"),
    [
        (0.2, 0.01, 0.0, "higher"),
        (-0.2, 0.01, 0.0, "lower"),
        (0.2, 0.01, 0.3, "lower"),
        (0.2, 0.05, 0.0, "inconclusive"),
    ],
)
def test_a_difference_is_decided_by_its_corrected_p(value: float, p: float, threshold: float, decision: str) -> None:
    assert decide(value, p, threshold) == decision


@pytest.mark.parametrize("rows", [1, 2, 5, 9, 12])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_rows_share_a_letter_exactly_where_their_pair_is_not_significant(rows: int, share: float) -> None:
    rng = np.random.default_rng([rows, int(10 * share)])
    names = [f"m{i}" for i in range(rows)]
    for _ in range(20):
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        significant = {pair for pair in pairs if rng.random() < share}
        shown = letters(names, sorted(significant))
        groups = {name: set(re.findall(r"[a-z]{2}\.|[a-z]", text)) for name, text in shown.items()}
        for a, b in pairs:
            assert bool(groups[a] & groups[b]) != ((a, b) in significant)
        assert all(groups.values())
        # Nothing to spare: no letter's rows are all in another letter.
        members = [{n for n in names if letter in groups[n]} for letter in set().union(*groups.values())]
        assert not any(one < other for one in members for other in members)


def test_letters_by_hand() -> None:
    """The first two and the last two differ from nobody next to them: sharing a letter is not transitive."""
    assert letters(["x", "y", "z"], [("x", "z")]) == {"x": "a", "y": "ab", "z": "b"}
    assert letters(["x", "y", "z"], [("x", "y"), ("x", "z")]) == {"x": "a", "y": "b", "z": "b"}
    assert letters(["x", "y"], []) == {"x": "a", "y": "a"}


def test_holm_multiplies_by_the_hypotheses_left() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_methods_on_different_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="same questions"):
        difference(np.zeros((1, 4)), np.zeros((1, 5)))
