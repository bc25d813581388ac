"""A method as the phases it goes through, declared before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sdzero_bench.training.cost import Passes, Typical, TypicalSample, answer, reinforcing, signalled
from sdzero_bench.training.needs import Lengths, Need, taught
from sdzero_bench.training.needs import response as sampled_response
from sdzero_bench.training.options import GroupDistillationOptions, PolicyGradientOptions


def _completion(typical: Typical) -> float:
    return typical.completion


def _revision(typical: Typical) -> float:
    return typical.of_revision


@dataclass(frozen=True)
class Phase:
    """One phase of a method. Its name is that of the ledger, the journal and, if it trains, of its checkpoint."""

    name: str
    kind: Literal["sample", "finetune", "preference", "train_with", "self_distill", "policy_gradient", "train_on_rollouts"]
    """The method of `Run` that carries it out."""
    samples: int = 0
    """Training samples that it draws, at most."""
    passes: Callable[[Typical], Passes] | None = None
    """About how many tokens it sends through a model, given what samples are like; for `sdzero-bench plan`."""
    kept_as: str | None = None
    """Label under which the policy it trains is kept (`run.keep`) and measured, besides the final policy."""
    response: Callable[[Typical], float] = _completion
    """About how many tokens the policy it trains answers with; for `sdzero-bench plan`."""
    revision: Callable[[Typical], float] = _revision
    """About how many tokens that policy's revisions have; for `sdzero-bench plan`."""
    drawn: Callable[[Typical], TypicalSample] = answer
    """What the samples are like that it draws; for `sdzero-bench plan`."""
    needs: Callable[[Lengths], Sequence[Need]] | None = None
    """The longest sequences that it asks for, besides a prompt with its response where it draws samples."""

    def needed(self, lengths: Lengths) -> list[Need]:
        """Every sequence that it asks for; what it trains on was sampled before, or is declared in `needs`."""
        return [*([sampled_response(lengths)] if self.draws else []), *(self.needs(lengths) if self.needs else [])]

    @property
    def draws(self) -> bool:
        return self.samples > 0

    @property
    def trains(self) -> bool:
        return self.kind != "sample"

    @property
    def on_policy(self) -> bool:
        """Whether it samples and trains by turns."""
        return self.draws and self.trains


def policy_gradient(name: str, questions: int, options: PolicyGradientOptions, updates: int = 1, old_policy: int = 0) -> Phase:
    """The phase of a policy gradient over all questions.

    updates:
        Optimizer steps per batch of rollouts. With more than one, the old policy's probabilities are computed.
    old_policy:
        1 if they always are.
    """
    rollouts = questions * options.group_size * options.epochs

    def passes(typical: Typical) -> Passes:
        reference = int(options.kl_weight > 0)
        without_gradient = max(old_policy, int(updates > 1)) + reference
        return reinforcing(rollouts, typical.prompt + typical.completion, updates, without_gradient, reference)

    return Phase(name, "policy_gradient", rollouts, passes)


def group_distillation(
    name: str,
    questions: int,
    options: GroupDistillationOptions,
    template: str,
    shown: Literal["sibling", "answer"],
    contexts: int = 1,
    reference: bool = False,
    distils: bool = False,
) -> Phase:
    """The phase of self-distillation with a signal (signal.py) over all questions.

    template:
        What the teacher reads, with another rollout or the gold answer as the solution, as `shown` says.
    contexts, reference, distils:
        As for `cost.signalled`.
    """
    rollouts = questions * options.group_size * options.epochs
    by_sibling = shown == "sibling"

    def passes(typical: Typical) -> Passes:
        student = typical.prompt + typical.completion
        teacher = student + typical.completion * by_sibling
        return signalled(rollouts, student, teacher, options, contexts, reference, distils)

    def needs(lengths: Lengths) -> list[Need]:
        if by_sibling:
            what, tokens = "a teacher's prompt with two responses", lengths.rewritten(template) + 2 * lengths.response
        else:
            what, tokens = (
                "a prompt with its gold answer and a response",
                lengths.rewritten(template, "answer") + lengths.response,
            )
        return [taught(what, tokens, options.max_teacher_tokens)]

    return Phase(name, "self_distill", rollouts, passes, needs=needs)
