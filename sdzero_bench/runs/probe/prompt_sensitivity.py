"""What a base scores under several prompts and sampling parameters, beside its score under the task's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdzero_bench.core.stats.intervals import difference
from sdzero_bench.core.stats.significance import p_value
from sdzero_bench.runs.evaluation.measures import PolicyMeasures
from sdzero_bench.runs.probe.verdict_words import Finding, TestedDifference, finding, tested

Sampling = Literal["ours", "vendor"]


@dataclass(frozen=True)
class PromptVariant:
    """A prompt template with sampling parameters."""

    template: str
    sampling: Sampling

    def __str__(self) -> str:
        return self.template if self.sampling == "ours" else f"{self.template}, vendor's sampling"


@dataclass(frozen=True)
class PromptSensitivity:
    """The measured variants, the default first, and those that were not measured, with the reason."""

    default: PromptVariant
    figures: Mapping[PromptVariant, PolicyMeasures]
    over_default: Mapping[PromptVariant, TestedDifference]
    """avg@k minus the default's, paired by question; of all but the default."""
    skipped: Mapping[str, str]
    vendor: str
    """The vendor's sampling parameters in words; empty if they were not measured."""

    @property
    def best(self) -> PromptVariant:
        """The variant with the highest avg@k; the default, if none is higher."""
        return max(self.figures, key=lambda variant: self.figures[variant].avg_at_k)

    @property
    def truncated(self) -> float:
        """The largest share of truncated responses under any prompt."""
        return max(own.truncated for own in self.figures.values())

    @property
    def finding(self) -> Finding:
        """Whether the base is measured low by the default. Zeros alone do not tell: their bootstrap has no width."""
        if self.figures[self.best].avg_at_k == 0:
            return "inconclusive"
        return finding(list(self.over_default.values()))


def prompt_sensitivity(
    figures: Mapping[PromptVariant, PolicyMeasures], skipped: Mapping[str, str], vendor: str = ""
) -> PromptSensitivity:
    """Compares all variants with the first, on the same questions."""
    default, *others = figures
    before = np.array([list(figures[default].per_question.avg.values())])
    differences = []
    for variant in others:
        own = figures[variant].per_question.avg
        after = np.array([[own[question] for question in figures[default].per_question.avg]])
        differences.append((difference(before, after), p_value(before, after)))
    return PromptSensitivity(default, figures, dict(zip(others, tested(differences), strict=True)), skipped, vendor)
