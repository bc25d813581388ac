"""Estimators against brute force, intervals against what they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import majority_at_k, mean_over_questions, pass_at_k
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Sample
from sdzero_bench.runs.evaluation.measures import measure, measure_revision, paired_difference


@pytest.mark.parametrize(("n", "c"), [(1, 0), (1, 1), (5, 0), (5, 2), (6, 6), (8, 3)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(n: int, c: int) -> None:
    outcomes = [True] * c + [False] * (n - c)
    for k in range(1, n + 1):
        subsets = list(itertools.combinations(outcomes, k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 2, 5), (4, 2, 0), (4, 5, 1), (4, -1, 1)])
def test_pass_at_k_refuses_what_cannot_be_estimated(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="samples"):
        pass_at_k(n, c, k)


@pytest.mark.parametrize(
    ("answers", "right", "expected"),
    [
        ("7 7 3", "7", 1.0),
        ("7 3 3", "7", 0.0),
        ("7 3", "7", 1 / 2),  # a tie is broken at random
        ("7 3 5", "7", 1 / 3),
        ("3 5", "7", 0.0),
        ("7.0 7 3 3", "7 7.0", 1 / 2),  # right answers are one candidate, however they are written
        ("- - 7", "7", 1.0),  # no answer, no vote
        ("- -", "7", 0.0),
    ],
)
def test_majority_votes_by_hand(answers: str, right: str, expected: float) -> None:
    votes = [(None if a == "-" else a, a in right.split()) for a in answers.split()]
    assert majority_at_k(votes) == pytest.approx(expected)


def test_majority_is_the_chance_under_random_tie_breaking() -> None:
    """Against a simulation that shuffles the votes and takes the first of the most frequent."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        answers = [str(a) for a in rng.integers(0, 4, size=6)]
        hits = 0
        for _ in range(2000):
            shuffled = rng.permutation(answers)
            hits += max(dict.fromkeys(shuffled), key=list(shuffled).count) == "0"
        assert majority_at_k([(a, a == "0") for a in answers]) == pytest.approx(hits / 2000, abs=0.05)


def test_intervals_cover_the_true_mean_about_as_often_as_they_say() -> None:
    """200 simulated test sets of 100 questions with 8 samples each: 95 % intervals, so 90 to 99 % of them must cover."""
    rng = np.random.default_rng(0)
    true = 0.4
    covered = 0
    for trial in range(200):
        difficulty = rng.beta(2 * true, 2 * (1 - true), size=100)
        estimate = mean_over_questions(rng.binomial(8, difficulty) / 8, resamples=500, seed=trial)
        covered += estimate.low <= true <= estimate.high
    assert 0.90 <= covered / 200 <= 0.99


def test_where_nothing_varies_the_interval_is_the_mean() -> None:
    assert mean_over_questions([0.5] * 4).interval == [0.5, 0.5]
    assert mean_over_questions([0.25]).interval == [0.25, 0.25]


def sample(question: str, index: int, reward: float | None, tokens: int = 3, finish: str = "stop") -> Sample:
    verdict = Verdict(reward) if reward is not None else Verdict.failed("timeout", "slow")
    return Sample("p", question, str(index), 0, "base", "0", 5, (1,) * tokens, "t", finish, verdict, "stub")  # type: ignore[arg-type]


def test_measure_by_hand() -> None:
    samples = [
        *[sample("a", i, r) for i, r in enumerate([1.0, 0.0, 0.0, 1.0])],
        *[sample("b", i, 0.0, tokens=9, finish="length") for i in range(4)],
    ]
    result = measure(samples, k=2)
    assert result.avg_at_k == pytest.approx((0.5 + 0.0) / 2)
    assert result.pass_at_k == pytest.approx((5 / 6 + 0.0) / 2)
    assert result.mean_tokens == 6
    assert result.truncated == 0.5
    assert result.per_question.avg == {"a": 0.5, "b": 0.0}
    assert result.per_question.passed == {"a": pytest.approx(5 / 6), "b": 0.0}
    assert result.per_question.tokens == {"a": 3, "b": 9}
    assert result.maj_at_k is None  # no sample has an answer to vote with
    with pytest.raises(UserError, match="too few for pass@5"):
        measure(samples, k=5)


def test_a_failed_verifier_counts_neither_as_right_nor_as_wrong() -> None:
    result = measure([sample("a", 0, 1.0), sample("a", 1, None), sample("b", 0, 0.0), sample("b", 1, 0.0)], k=1)
    assert result.per_question.avg == {"a": 1.0, "b": 0.0}
    assert result.unverified == 1
    with pytest.raises(UserError, match="question 'a' has 1 sample, and none could be verified: slow"):
        measure([sample("a", 0, None)], k=1)


def test_a_question_with_too_few_verified_samples_counts_with_those_that_it_has() -> None:
    """One time-out among eight samples must not cost the whole measurement: pass@7 stands in for pass@8."""
    drawn = [sample("a", i, 1.0 if i == 0 else 0.0) for i in range(7)] + [sample("a", 7, None)]
    result = measure(drawn, k=8)
    assert result.per_question.passed == {"a": 1.0}
    assert result.per_question.avg == {"a": pytest.approx(1 / 7)}
    assert result.unverified == 1


def test_revision_rates_by_hand() -> None:
    first = [sample("q", i, r) for i, r in enumerate([0.0, 0.0, 0.0, 1.0, 1.0, None])]
    revised = [sample("q", i, r) for i, r in enumerate([1.0, 0.0, None, 1.0, 0.0, 1.0])]
    result = measure_revision(first, revised)
    assert result.correction_rate == 1 / 2
    assert result.kept_rate == 1 / 2
    assert result.accuracy_first == result.accuracy_revised == 2 / 4
    assert measure_revision(first[3:4], revised[3:4]).correction_rate is None


def test_paired_differences_need_the_same_questions() -> None:
    assert paired_difference({"a": 0.0, "b": 0.5}, {"a": 0.5, "b": 1.0}).difference == 0.5
    with pytest.raises(ValueError, match="same questions"):
        paired_difference({"a": 0.0}, {"b": 1.0})
