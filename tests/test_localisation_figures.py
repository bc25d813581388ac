"""How a response's divergence is spread over its tokens, beside slower ways of computing the same."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sdzero_bench.core.stats.concentration import buckets, concentration


def by_slices(kl: list[float], count: int) -> list[float]:
    """Each token cut into `count` equal slices: a bucket is then a whole number of slices."""
    slices = [Fraction(value) / count for value in sorted(kl, reverse=True) for _ in range(count)]
    total, width = sum(slices), len(kl)
    return [float(sum(slices[i * width : (i + 1) * width]) / total) for i in range(count)]


def by_pairs(kl: list[float]) -> float:
    """The Gini coefficient by its definition: every two tokens compared."""
    return float(np.abs(np.subtract.outer(kl, kl)).mean() / (2 * np.mean(kl)))


@pytest.mark.parametrize("tokens", [1, 2, 7, 19, 20, 21, 40, 133])
@pytest.mark.parametrize("count", [1, 5, 20])
def test_buckets_are_those_of_tokens_cut_into_slices(tokens: int, count: int) -> None:
    kl = np.random.default_rng(tokens).gamma(0.3, size=tokens).tolist()
    shares = buckets(kl, count)
    assert shares == pytest.approx(by_slices(kl, count), abs=1e-12)
    assert len(shares) == count
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True) or np.diff(shares).max() < 1e-12


@pytest.mark.parametrize("tokens", [1, 2, 7, 100])
def test_concentration_is_the_gini_coefficient(tokens: int) -> None:
    kl = np.random.default_rng(tokens).gamma(0.3, size=tokens).tolist()
    assert concentration(kl) == pytest.approx(by_pairs(kl), abs=1e-12)
    assert concentration([7 * value for value in kl]) == pytest.approx(concentration(kl))


def test_the_ends_of_the_scale() -> None:
    assert concentration([0.3] * 50) == pytest.approx(0, abs=1e-15)
    assert buckets([0.3] * 50) == pytest.approx([0.05] * 20)
    assert concentration([0.0] * 99 + [1.0]) == pytest.approx(0.99)
    assert buckets([0.0] * 99 + [1.0]) == [1.0] + [0.0] * 19
    assert buckets([2.0]) == pytest.approx([0.05] * 20)


@pytest.mark.parametrize("kl", [[], [0.0] * 5])
def test_without_any_divergence_there_are_no_shares(kl: list[float]) -> None:
    assert (buckets(kl, 4), concentration(kl)) == ([0.0] * 4, 0.0)


@pytest.mark.parametrize("figure", [buckets, concentration])
def test_a_negative_divergence_is_none(figure: object) -> None:
    with pytest.raises(ValueError, match="never negative"):
        figure([0.1, -0.1])  # type: ignore[operator]
