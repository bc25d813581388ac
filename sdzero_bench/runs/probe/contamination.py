"""Whether a model goes on with test questions as if it knew them, compared with questions that it cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sdzero_bench.core.stats.estimators import Estimate, mean_over_questions
from sdzero_bench.core.stats.intervals import difference, independent_difference
from sdzero_bench.core.stats.proportions import difference_of_shares
from sdzero_bench.core.stats.resampling import Values
from sdzero_bench.core.stats.significance import independent_p_value, p_value
from sdzero_bench.runs.probe.partial_prompts import Continuation
from sdzero_bench.runs.probe.verdict_words import Finding, TestedDifference, finding, tested

EXACT, ROUGE_L = "exact match", "ROUGE-L"


@dataclass(frozen=True)
class CompletionMeasure:
    """One measure of completion on both sets, and its difference, test minus control."""

    name: str
    test: Estimate
    control: Estimate
    over_control: TestedDifference


@dataclass(frozen=True)
class Contamination:
    """What the completion of partial questions says."""

    control: str
    """Where the control questions come from."""
    paired: bool
    test_questions: int
    control_questions: int
    left_out: int
    """Test questions that are too short, or have no counterpart."""
    measures: tuple[CompletionMeasure, ...]
    suspicious: tuple[Continuation, ...]
    """Test questions whose rest the model came closest to, compared with their counterparts if there are any."""

    @property
    def finding(self) -> Finding:
        return finding([measure.over_control for measure in self.measures])


def contamination(
    test: Sequence[Continuation],
    control: Sequence[Continuation],
    source: str,
    paired: bool,
    left_out: int,
    suspicious: int = 5,
) -> Contamination:
    """Both measures on both sets. If they are `paired`, each control continuation is of the same place in the other list.

    The interval of exact match, a share that is often 0 on both sides, is Newcombe's; that of ROUGE-L is a BCa bootstrap over
    questions.
    """
    (exact_control, exact), (rouge_control, rouge) = (
        [np.array([getattr(own, name) for own in side], dtype=float) for side in (control, test)]
        for name in ("exact", "rouge_l")
    )
    of_exact, of_rouge = tested(
        [
            (difference_of_shares(exact_control > 0, exact > 0), _p_value(exact_control, exact, paired)),
            (_difference(rouge_control, rouge, paired), _p_value(rouge_control, rouge, paired)),
        ]
    )
    measures = (
        CompletionMeasure(EXACT, mean_over_questions(exact), mean_over_questions(exact_control), of_exact),
        CompletionMeasure(ROUGE_L, mean_over_questions(rouge), mean_over_questions(rouge_control), of_rouge),
    )
    usual = [own.rouge_l for own in control] if paired else [0.0] * len(test)
    order = sorted(range(len(test)), key=lambda i: (not test[i].exact, usual[i] - test[i].rouge_l))
    return Contamination(
        control=source,
        paired=paired,
        test_questions=len(test),
        control_questions=len(control),
        left_out=left_out,
        measures=measures,
        suspicious=tuple(test[i] for i in order[:suspicious]),
    )


def _difference(control: Values, test: Values, paired: bool) -> Estimate:
    return difference(control[None, :], test[None, :]) if paired else independent_difference(control, test)


def _p_value(control: Values, test: Values, paired: bool) -> float:
    return p_value(control[None, :], test[None, :]) if paired else independent_p_value(control, test)
