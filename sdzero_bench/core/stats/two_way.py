"""Scores of several training seeds on the same questions, split into the variance of questions, of seeds, and the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""Of one method. The score of a question is the mean over its k samples. Shape: [seeds, questions]."""


@dataclass(frozen=True)
class TwoWay:
    """The two-way layout of seeds and questions without replication.

    `seeds_term` and `residual_term` are its mean squares divided by the number of scores: what they contribute to the variance
    of the grand mean (Searle, Casella and McCulloch 1992, "Variance Components", section 4.3). Both are 0 with one seed.
    """

    scores: Scores

    @cached_property
    def by_question(self) -> NDArray[np.float64]:
        """Means over seeds. Shape: [questions]."""
        means: NDArray[np.float64] = self.scores.mean(axis=0)
        return means

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """Seed means minus the grand mean. Shape: [seeds]."""
        deviations: NDArray[np.float64] = self.scores.mean(axis=1) - self.scores.mean()
        return deviations

    @property
    def seeds(self) -> int:
        return int(self.scores.shape[0])

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
        """Variance of the grand mean due to seeds alone, (MS_seeds - MS_residual) / scores; never below 0."""
        excess = self.seeds_term - self.residual_term
        return excess if excess > 1e-12 * self.seeds_term else 0.0

    @cached_property
    def seed_effects(self) -> NDArray[np.float64]:
        """Deviations rescaled so that their resampled mean has the variance `seed_variance`. Shape: [seeds]."""
        if self.seed_variance == 0:
            return np.zeros(self.seeds)
        effects: NDArray[np.float64] = self.deviations * np.sqrt(
            self.seed_variance / self.seeds_term * self.seeds / (self.seeds - 1)
        )
        return effects
