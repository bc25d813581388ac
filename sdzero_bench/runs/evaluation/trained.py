"""What evaluation is told of a method: the policies that it has trained, and no code of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdzero_bench.training.method import Method
from sdzero_bench.training.phrases import ControlPhrases
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run


@dataclass(frozen=True)
class Trained:
    """Plain data, which another process can read without importing the method."""

    final: Checkpoint
    kept: Mapping[str, Checkpoint]
    """Intermediate policies by label (`Run.keep`)."""
    phases: Sequence[Phase]
    """In order, with their names, kinds and numbers of samples alone."""
    reviser: str | None
    """Label of the policy that was trained to revise (`Method.reviser`)."""
    phrases: ControlPhrases

    @classmethod
    def by(cls, method: Method, run: Run, final: Checkpoint) -> Trained:
        return cls(
            final=_plain(final),
            kept={label: _plain(policy) for label, policy in run.kept.items()},
            phases=[Phase(phase.name, phase.kind, phase.samples) for phase in method.phases(len(run.questions))],
            reviser=method.reviser,
            phrases=ControlPhrases(right=method.phrases.right, wrong=method.phrases.wrong),
        )


def _plain(policy: Checkpoint) -> Checkpoint:
    return Checkpoint(str(policy.name), str(policy.path))
