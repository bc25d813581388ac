"""Equivalence, power, families and outlying seeds: each against an independent computation or by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from sdzero_bench.core.stats.contrast import Contrast, contrast
from sdzero_bench.core.stats.intervals import difference
from sdzero_bench.core.stats.outliers import outliers
from sdzero_bench.core.stats.significance import decide, holm, holm_in_family, independent_p_value, p_value
from sdzero_bench.core.stats.two_way import Scores

QUESTIONS = 150


def of_a_shared_phase(
    rng: np.random.Generator, seeds: int, shared: float, own: float, gain: float = 0.0, own_gain: float = 0.0
) -> tuple[Scores, Scores]:
    """Two variants, [seeds, questions]: seeds move both by `shared`, and each by `own`; questions gain differently."""
    questions, common = rng.normal(0.5, 0.3, QUESTIONS), rng.normal(0, shared, (seeds, 1))
    sides = [questions + common + rng.normal(0, own, (seeds, 1)) + rng.normal(0, 0.1, (seeds, QUESTIONS)) for _ in range(2)]
    return sides[0], sides[1] + gain + rng.normal(0, own_gain, QUESTIONS)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("own", [0.0, 0.02])
def test_intervals_that_are_paired_by_seed_cover_the_truth(seeds: int, own: float) -> None:
    """1,500 simulations: the standard error of a coverage is 0.6 points, so that 93.2 % is three below 95 %. Independent seeds
    would be compared with intervals more than twice as wide."""
    rng = np.random.default_rng([seeds, int(1000 * own)])
    covered, widths = 0, np.zeros(2)
    for _ in range(1500):
        before, after = of_a_shared_phase(rng, seeds, shared=0.1, own=own, gain=0.03, own_gain=0.05)
        found = difference(before, after, paired_seeds=True)
        covered += found.low <= 0.03 <= found.high
        low, high = contrast(before, after).interval(0.95)
        widths += [found.high - found.low, high - low]
    print(f"{seeds} seeds, own spread {own}: coverage {covered / 1500:.3f}, widths {widths / 1500}")
    assert 0.932 <= covered / 1500 <= 0.99
    assert widths[0] < widths[1] / 2


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("own", [0.0, 0.02])
def test_variants_of_a_shared_phase_that_are_equal_differ_in_at_most_5_of_100_simulations(seeds: int, own: float) -> None:
    """2,000 simulations: 6.5 % is three standard errors above 5 %."""
    rng = np.random.default_rng([9, seeds, int(1000 * own)])
    rejected = sum(
        p_value(*of_a_shared_phase(rng, seeds, shared=0.1, own=own, own_gain=0.05), paired_seeds=True) < 0.05
        for _ in range(2000)
    )
    print(f"{seeds} seeds, own spread {own}: {rejected / 2000:.3f} of the null differences are significant")
    assert 0.01 <= rejected / 2000 <= 0.065


def test_paired_by_seed_is_the_mean_of_the_differences() -> None:
    rng = np.random.default_rng(1)
    before, after = of_a_shared_phase(rng, 4, shared=0.1, own=0.02)
    assert difference(before, after, paired_seeds=True).mean == pytest.approx(difference(before, after).mean)
    assert difference(before[:1], after[:1], paired_seeds=True) == difference(before[:1], after[:1])
    assert difference(after, before, paired_seeds=True) == -difference(before, after, paired_seeds=True)
    with pytest.raises(ValueError, match="the same seeds on both sides"):
        contrast(before, after[:3], paired_seeds=True)


def test_where_only_seeds_vary_p_paired_by_seed_is_the_t_test_over_seeds() -> None:
    rng = np.random.default_rng(2)
    means = rng.normal(0.02, 0.03, (5, 1))
    before = np.repeat(rng.random((1, 20_000)), 5, axis=0)
    after = before + means
    assert contrast(before, after, True).p_value() == pytest.approx(stats.ttest_1samp(means[:, 0], 0).pvalue, rel=1e-6)


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
def test_equivalence_of_one_seed_is_the_two_one_sided_tests_of_statsmodels(margin: float) -> None:
    rng = np.random.default_rng(3)
    before = rng.random((1, 400))
    after = before + rng.normal(0.005, 0.1, (1, 400))
    theirs = ttost_paired(after[0], before[0], -margin, margin)[0]
    assert contrast(before, after).p_equivalent(margin) == pytest.approx(theirs)
    shifted = contrast(before, after + 0.1).p_equivalent(margin, around=0.1)
    assert shifted == pytest.approx(theirs)


def test_identical_rows_are_equivalent_and_what_is_far_apart_is_not() -> None:
    scores = np.random.default_rng(4).random((3, 50))
    same = contrast(scores, scores, paired_seeds=True)
    assert (same.p_value(), same.p_equivalent(0.02)) == (1.0, 1 / 2**50)
    apart = contrast(scores, scores + 0.5, paired_seeds=True)
    assert (apart.p_value(), apart.p_equivalent(0.02)) == (2 / 2**50, 1.0)


@pytest.mark.parametrize("questions", [2, 4, 8])
def test_few_questions_that_agree_are_as_sure_as_a_permutation_test(questions: int) -> None:
    before, after = np.zeros((1, questions)), np.full((1, questions), 0.5)
    theirs = stats.permutation_test(
        (after[0], before[0]), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
    )
    assert p_value(before, after) == pytest.approx(theirs.pvalue)
    assert p_value(before, after + np.linspace(0, 1e-9, questions)) == pytest.approx(theirs.pvalue)
    alike = contrast(before, before).p_equivalent(0.02)
    assert alike == pytest.approx(theirs.pvalue / 2)
    independent = stats.permutation_test(
        (after[0], before[0]), lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis), n_resamples=20_000
    )
    assert independent_p_value(before[0], after[0]) == pytest.approx(independent.pvalue)


@pytest.mark.parametrize("seeds", [3, 5])
def test_one_seed_varies_as_those_of_the_other_side_do(seeds: int) -> None:
    """Two equal methods whose seeds vary by 3 points, one of them with one seed. 2,000 simulations: 6.5 % is three standard
    errors above 5 %. Without the other side's variance a third of the null differences are significant."""
    rng = np.random.default_rng([10, seeds])
    rejected, unaware, covered = 0, 0, 0
    for _ in range(2000):
        questions = rng.normal(0.5, 0.3, QUESTIONS)
        one, several = (
            questions + rng.normal(0, 0.03, (count, 1)) + rng.normal(0, 0.1, (count, QUESTIONS)) for count in (1, seeds)
        )
        rejected += contrast(several, one, borrow=True).p_value() < 0.05
        unaware += contrast(several, one).p_value() < 0.05
        found = difference(several, one, borrow=True)
        covered += found.low <= 0 <= found.high
        assert difference(one, several, borrow=True) == -found
    print(f"1 against {seeds} seeds: {rejected / 2000:.3f} and {unaware / 2000:.3f} significant, coverage {covered / 2000:.3f}")
    assert 0.02 <= rejected / 2000 <= 0.065
    assert unaware / 2000 > 0.2
    assert covered == 2000 - rejected


def test_one_question_decides_nothing() -> None:
    one = contrast(np.zeros((3, 1)), np.ones((3, 1)))
    assert (one.p_value(), one.p_equivalent(0.02), one.detectable(0.05)) == (1.0, 1.0, None)


@pytest.mark.parametrize(("questions", "alpha"), [(20, 0.05), (150, 0.05), (600, 0.002)])
def test_the_detectable_difference_is_that_of_statsmodels(questions: int, alpha: float) -> None:
    found = Contrast(0.0, 0.01, questions - 1).detectable(alpha)
    theirs = TTestPower().solve_power(nobs=questions, alpha=alpha, power=0.8) * 0.01 * math.sqrt(questions)
    assert found == pytest.approx(theirs, rel=1e-3)


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_a_true_difference_of_the_detectable_size_is_found_in_80_of_100_simulations(seeds: int) -> None:
    """Of two methods with known variances. 1,500 simulations: the standard error is one point; the degrees of freedom are
    estimated anew in each, which adds some."""
    rng = np.random.default_rng([5, seeds])
    spread = 0.02 if seeds > 1 else 0.0

    def drawn(gain: float) -> Contrast:
        own, noise = rng.normal(gain, 0.2, QUESTIONS), rng.normal(0, 0.1, (2, seeds, QUESTIONS))
        before, after = (n + rng.normal(0, spread, (seeds, 1)) for n in noise)
        return contrast(before, after + own)

    typical = [drawn(0.0) for _ in range(300)]
    error = math.sqrt(np.mean([c.standard_error**2 for c in typical]))
    size = Contrast(0.0, error, float(np.median([c.freedom for c in typical]))).detectable(0.05)
    assert size is not None
    found = sum(drawn(size).p_value() < 0.05 for _ in range(1500)) / 1500
    print(f"{seeds} seeds: {found:.3f} of the differences of {100 * size:.1f} points are found")
    assert 0.72 <= found <= 0.88  # at few degrees of freedom, which vary by simulation, power is not exactly that


def test_more_questions_detect_more_than_more_seeds_where_questions_are_what_varies() -> None:
    rng = np.random.default_rng(6)

    def size(seeds: int, questions: int) -> float:
        own = rng.normal(0, 0.3, questions)
        before, after = (rng.normal(0, 0.1, (seeds, questions)) + rng.normal(0, 0.005, (seeds, 1)) for _ in range(2))
        found = contrast(before, after + own).detectable(0.05)
        assert found is not None
        return found

    assert size(3, 600) < size(6, 300) < size(3, 300) * 1.05


def test_what_is_absent_from_a_family_counts_as_undecided() -> None:
    assert holm([0.01, 0.2], absent=3) == pytest.approx(holm([0.01, 0.2, 1, 1, 1])[:2])
    assert holm([], absent=3) == []
    with pytest.raises(ValueError, match="not a number"):
        holm([0.001, float("nan")])


def test_holms_correction_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(11)
    for count in (1, 2, 7, 30):
        p = list(rng.random(count) ** 3)
        assert holm(p) == pytest.approx(list(multipletests(p, method="holm")[1]))


FAMILY = ("a", "b", "c", "d", "e")


def test_dropping_a_row_that_does_not_differ_changes_no_verdict_of_the_others() -> None:
    rng = np.random.default_rng(7)
    for _ in range(300):
        p = dict(zip(FAMILY, rng.choice([0.001, 0.009, 0.0124, 0.012, 0.03, 0.3, 0.9], 5), strict=True))
        whole = {name: value < 0.05 for name, value in holm_in_family(p, FAMILY).items()}
        for dropped in (name for name in FAMILY if not whole[name]):
            rest = {name: value for name, value in p.items() if name != dropped}
            assert {name: value < 0.05 for name, value in holm_in_family(rest, FAMILY).items()} == {n: whole[n] for n in rest}


def test_a_row_from_outside_changes_nothing_and_pays_for_itself() -> None:
    p = {"a": 0.009, "b": 0.2}
    with_own = holm_in_family({**p, "mine": 0.001, "mine (lr=1)": 0.001}, FAMILY)
    assert {name: with_own[name] for name in p} == holm_in_family(p, FAMILY)
    assert with_own["mine"] == with_own["mine (lr=1)"] == pytest.approx(6 * 0.001)


@pytest.mark.parametrize(
    ("difference", "p", "p_equivalent", "decision"),
    [
        (0.03, 0.01, 0.9, "higher"),
        (-0.03, 0.01, 0.9, "lower"),
        (0.01, 0.3, 0.01, "equivalent"),
        (0.01, 0.3, 0.3, "underpowered"),
        (0.01, 0.01, 0.001, "higher"),  # small, and yet there
        (120.0, 0.3, None, "inconclusive"),
    ],
)
def test_a_difference_that_is_not_significant_has_a_reason(
    difference: float, p: float, p_equivalent: float | None, decision: str
) -> None:
    assert decide(difference, p, p_equivalent=p_equivalent) == decision


def test_an_outlying_seed_is_flagged_as_by_grubbs_test() -> None:
    rng = np.random.default_rng(8)
    disagreements = 0
    for _ in range(500):
        values = rng.normal(0.5, 0.05, 5)
        values[0] += rng.choice([0, 0.4])
        g = abs(values - values.mean()) / values.std(ddof=1)
        t = stats.t.isf(0.1 / (2 * 5), 3)
        critical = 4 / math.sqrt(5) * math.sqrt(t**2 / (3 + t**2))
        disagreements += bool(outliers(list(values))) != bool(g.max() > critical)
    assert disagreements == 0


def test_seeds_that_are_alike_are_not_outliers() -> None:
    rng = np.random.default_rng(10)
    flagged = sum(bool(outliers(list(rng.normal(0.5, 0.05, 5)))) for _ in range(2000)) / 2000
    assert 0.05 <= flagged <= 0.13
    assert outliers([0.5, 0.5, 0.51]) == []  # a point away from two that are equal
    assert outliers([0.5, 0.5, 0.9]) == []  # two that are equal say nothing of how seeds vary
    assert outliers([0.5, 0.501, 0.9]) == [2]
    assert outliers([0.1, 0.9]) == []
