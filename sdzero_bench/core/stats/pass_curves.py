"""pass@k of a policy for k = 1, 2, 4, ..., and where a trained policy falls below its base.

Training can raise pass@1 and lower pass@k for a large k: the policy finds its answers more often, and fewer different ones (Yue
et al. 2025, "Does Reinforcement Learning Really Incentivize Reasoning Capacity in LLMs Beyond the Base Model?", arXiv
2504.13837). Which of the two a single k shows depends on the k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdzero_bench.core.stats.estimators import Estimate, mean_over_questions, pass_at_k
from sdzero_bench.core.stats.intervals import difference
from sdzero_bench.core.stats.resampling import Values
from sdzero_bench.core.stats.significance import SIGNIFICANT, holm, p_value

Counts = Sequence[tuple[int, int]]
"""Of each question: verified samples, and how many of them are correct."""


def powers_of_two(most: int) -> tuple[int, ...]:
    """1, 2, 4, ... up to `most`, which ends the list even if it is no power of two."""
    return (*(2**i for i in range((most - 1).bit_length())), most)


def pass_scores(counts: Counts, ks: Sequence[int]) -> Values:
    """The unbiased pass@k of each question. Shape: [questions, ks].

    A question that has fewer than k verified samples counts with all of them, as in `measure`.
    """
    return np.array([[pass_at_k(n, right, min(k, n)) for k in ks] for n, right in counts], dtype=float)


@dataclass(frozen=True)
class OverBase:
    """A trained policy's pass@k minus the base's, paired by question; `p` is corrected over all comparisons (Holm)."""

    difference: Estimate
    p: float

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANT


@dataclass(frozen=True)
class PassCurve:
    """pass@k of one policy at each k, and its differences from the base, if it is compared with one."""

    ks: tuple[int, ...]
    values: tuple[Estimate, ...]
    over_base: tuple[OverBase, ...] = ()

    @property
    def crossing(self) -> int | None:
        """The smallest k at which pass@k is below the base's; None if there is none."""
        return next((k for k, over in zip(self.ks, self.over_base, strict=False) if over.difference.mean < 0), None)

    @property
    def significantly_below(self) -> int | None:
        """The smallest k at which pass@k is significantly below the base's; None if there is none.

        At the crossing itself the difference is small, so that it is rarely significant.
        """
        pairs = zip(self.ks, self.over_base, strict=False)
        return next((k for k, over in pairs if over.difference.mean < 0 and over.significant), None)


def pass_curves(counts: Mapping[str, Counts], ks: Sequence[int], base: str | None) -> dict[str, PassCurve]:
    """The curve of each policy. Intervals are BCa bootstraps over questions, those of differences paired by question.

    All policies have the same questions in the same order. `base` is one of them, or None: nothing is then compared.
    """
    scores = {name: pass_scores(own, ks) for name, own in counts.items()}
    trained = [name for name in scores if base is not None and name != base]
    tested = {name: _tests(scores[base], scores[name]) for name in trained} if base is not None else {}
    corrected = iter(holm([p for tests in tested.values() for _, p in tests]))
    over = {name: tuple(OverBase(found, next(corrected)) for found, _ in tests) for name, tests in tested.items()}
    return {
        name: PassCurve(tuple(ks), tuple(mean_over_questions(column) for column in own.T), over.get(name, ()))
        for name, own in scores.items()
    }


def _tests(base: Values, trained: Values) -> list[tuple[Estimate, float]]:
    """The difference and its p-value at each k. Both are [questions, ks]."""
    pairs = [(before[None, :], after[None, :]) for before, after in zip(base.T, trained.T, strict=True)]
    return [(difference(before, after), p_value(before, after)) for before, after in pairs]
