"""What a run may spend, and what it has spent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sdzero_bench.core.errors import BudgetError
from sdzero_bench.core.text import counted
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.schema import Budget, PhaseUse, Use

EVALUATION = "evaluation"
"""Phases `evaluation.SOMETHING` measure policies; they are counted, but not against the budget."""


def measures(phase: str) -> bool:
    """Whether a phase measures a policy, and is not charged."""
    return phase.startswith(f"{EVALUATION}.")


TRAIN: Final = "train"
TEST: Final = "test"
VALIDATION: Final = "validation"
ON_TASK = "on-"


def measured_on(phase: str) -> str:
    """Which questions a phase asks: `train`; `test`, which most measurements do; `validation`; `on-TASK` for another task's.

    The name of the last two ends that of the phase, after the policy's label: `evaluation.final.validation`.
    """
    if not measures(phase):
        return TRAIN
    *before, ending = phase.split(".")
    return ending if len(before) > 1 and (ending == VALIDATION or ending.startswith(ON_TASK)) else TEST


def other_task(name: str) -> str:
    """What the questions of another task go by: `on-lm-eval-ifeval`."""
    return ON_TASK + re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


@dataclass
class Ledger:
    """Use by phase. What is counted in samples is counted from the journal, so that nothing is charged twice."""

    budget: Budget
    phases: dict[str, PhaseUse] = field(default_factory=dict)
    plan: Mapping[str, int] | None = None
    """How many training samples each phase may draw, at most; None: the budget alone limits them."""

    def phase(self, name: str) -> PhaseUse:
        return self.phases.setdefault(name, PhaseUse())

    @property
    def training_samples(self) -> int:
        return sum(use.samples for name, use in self.phases.items() if not measures(name))

    def require(self, phase: str, samples: int) -> None:
        """Raise `BudgetError` if `samples` more would overspend, or exceed the plan. Called before they are drawn."""
        if measures(phase) or not samples:
            return
        wanted = counted(samples, "sample")
        planned = samples if self.plan is None else self.plan.get(phase, 0) - self.phase(phase).samples
        if samples > planned:
            raise BudgetError(
                f"phase {phase!r} needs {wanted}, but {max(0, planned)} of its plan are left; a method draws no more "
                f"than its `phases` declare"
            )
        left = self.budget.samples - self.training_samples
        if samples > left:
            raise BudgetError(
                f"phase {phase!r} needs {wanted}, but {left} of the budget's {self.budget.samples} are left; "
                f"raise budget.samples_per_question or let the method draw fewer"
            )

    @property
    def training_tokens(self) -> int:
        return sum(use.forward_tokens + use.backward_tokens for use in self.phases.values())

    def require_tokens(self, phase: str, tokens: int) -> None:
        """Raise `BudgetError` if `tokens` of training in this phase, all in all, would overspend.

        Called before fine-tuning, whose tokens are known; on-policy training calls it after each step with what it used so
        far, and stops at the step that oversteps.
        """
        if self.budget.training_tokens is None:
            return
        others = sum(use.forward_tokens + use.backward_tokens for name, use in self.phases.items() if name != phase)
        left = self.budget.training_tokens - others
        if tokens > left:
            raise BudgetError(
                f"phase {phase!r} needs {tokens} training tokens, but {left} of the budget's {self.budget.training_tokens} are "
                f"left; raise budget.training_tokens, or train on fewer examples or epochs"
            )

    def charge(self, sample: Sample) -> None:
        use = self.phase(sample.phase)
        use.samples += 1
        use.prompt_tokens += sample.prompt_tokens
        use.generated_tokens += len(sample.token_ids)
        use.verifier_calls += 1
        use.verifier_failures += sample.verdict.reward is None
        use.refused_responses += sample.verdict.status == "refused"

    @classmethod
    def recount(cls, budget: Budget, journal: Mapping[str, Mapping[str, Sample]], saved: Use) -> Ledger:
        """A resumed run's ledger: samples from its journal, training tokens and times from what was saved."""
        ledger = cls(budget)
        for name, use in saved.items():
            ledger.phases[name] = PhaseUse(**{kept: getattr(use, kept) for kept in NOT_IN_THE_JOURNAL})
        for samples in journal.values():
            for sample in samples.values():
                ledger.charge(sample)
        return ledger


NOT_IN_THE_JOURNAL = ("forward_tokens", "backward_tokens", "cut_responses", "wall_seconds", "accelerator_seconds")
"""The part of a phase's use that its samples do not determine."""
