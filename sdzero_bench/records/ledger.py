"""What a run may spend, and what it has spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sdzero_bench.core.errors import BudgetError
from sdzero_bench.records.journal import Sample

EVALUATION = "evaluation"
"""Phases `evaluation.SOMETHING` measure policies; they are counted, but not against the budget."""


def measures(phase: str) -> bool:
    """Whether a phase measures a policy, and is not charged."""
    return phase.startswith(f"{EVALUATION}.")


@dataclass(frozen=True)
class Budget:
    """What every method of a comparison may use: these questions, and so many samples of so many new tokens.

    The paper gives each method its questions times 4 samples (section "Budgets").
    """

    question_set: str
    """Fingerprint of the training questions: their ids, texts, answers and order."""
    questions: int
    samples: int
    new_tokens_per_sample: int
    training_tokens: int | None = None
    """Tokens through a model in training, forward and backward; None is no limit."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class PhaseUse:
    """What one phase has used."""

    samples: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    verifier_calls: int = 0
    verifier_failures: int = 0
    forward_tokens: int = 0
    """Tokens that went through a model without a gradient in training, such as the teacher's."""
    backward_tokens: int = 0
    """Tokens that went through the student forward and backward."""
    cut_responses: int = 0
    """Responses that were cut so that the teacher's input fits its limit."""
    wall_seconds: float = 0.0
    accelerator_seconds: float = 0.0


@dataclass
class Ledger:
    """Use by phase. What is counted in samples is counted from the journal, so that nothing is charged twice."""

    budget: Budget
    phases: dict[str, PhaseUse] = field(default_factory=dict)

    def phase(self, name: str) -> PhaseUse:
        return self.phases.setdefault(name, PhaseUse())

    @property
    def training_samples(self) -> int:
        return sum(use.samples for name, use in self.phases.items() if not measures(name))

    def require(self, phase: str, samples: int) -> None:
        """Raise `BudgetError` if `samples` more would overspend. Called before they are drawn."""
        if measures(phase):
            return
        left = self.budget.samples - self.training_samples
        if samples > left:
            raise BudgetError(
                f"phase {phase!r} needs {samples} samples, but {left} of the budget's {self.budget.samples} are left; "
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
        use.verifier_failures += sample.verdict.status != "ok"

    def as_dict(self) -> dict[str, dict[str, Any]]:
        return {name: asdict(use) for name, use in self.phases.items()}

    @classmethod
    def recount(
        cls, budget: Budget, journal: Mapping[str, Mapping[str, Sample]], saved: Mapping[str, Mapping[str, Any]]
    ) -> Ledger:
        """A resumed run's ledger: samples from its journal, training tokens and times from what was saved."""
        ledger = cls(budget)
        for name, use in saved.items():
            phase = ledger.phase(name)
            for kept in ("forward_tokens", "backward_tokens", "cut_responses", "wall_seconds", "accelerator_seconds"):
                setattr(phase, kept, use.get(kept, 0))
        for samples in journal.values():
            for sample in samples.values():
                ledger.charge(sample)
        return ledger
