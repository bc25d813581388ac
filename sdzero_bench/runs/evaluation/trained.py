"""What evaluation is told of a method: the policies that it has trained, and no code of it."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.ledger import measures
from sdzero_bench.training.method import Method
from sdzero_bench.training.phrases import ControlPhrases
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run

RESERVED = {"base", "final", None}
"""Labels of the policies that every run has."""


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


def train(method: Method, run: Run) -> Trained:
    """Have the method train.

    Raises `UserError` if it returns or keeps what is no policy of this run, keeps one under a label that no phase declares, or
    has drawn samples of an evaluation.
    """
    here, before = Path.cwd(), _measured(run)
    try:
        final: object = method.train(run)
    finally:
        os.chdir(here)  # relative paths, such as that of the run's folder, mean what they did
    said = f"the method {method.name!r}: "
    if not isinstance(final, Checkpoint):
        raise UserError(f"{said}train has to return a Checkpoint, not {reprlib.repr(final)}")
    if drawn := _measured(run).items() - before.items():
        for path in (path for phase, _ in drawn for path in run.folder.journal.glob(f"{phase}.*") if run.ranks.first):
            path.unlink()  # a resumed run would take them for its own
        raise UserError(f"{said}it has drawn samples of an evaluation, which takes place once training is over")
    phases = method.phases(len(run.questions))
    declared = {phase.kept_as for phase in phases} - RESERVED
    if undeclared := [label for label in run.kept if label not in declared]:
        raise UserError(
            f"{said}it keeps a policy as {undeclared[0]!r}, which is no label that one of its phases declares (kept_as)"
        )
    return Trained(
        final=_own(final, run, said),
        kept={label: _own(policy, run, said) for label, policy in run.kept.items()},
        phases=[Phase(phase.name, phase.kind, phase.samples) for phase in phases],
        reviser=method.reviser,
        phrases=ControlPhrases(right=method.phrases.right, wrong=method.phrases.wrong),
    )


def _measured(run: Run) -> dict[str, int]:
    return {phase: len(samples) for phase, samples in run.journal.phases.items() if measures(phase)}


def _own(policy: Checkpoint, run: Run, said: str) -> Checkpoint:
    own = {path.name: path for path in run.folder.finished_checkpoints if path.name != run.base.name}
    if (policy.name, policy.path) == (run.base.name, run.base.path):
        return run.base
    if policy.name in own and Path(policy.path).resolve() == own[policy.name].resolve():
        return Checkpoint(policy.name, str(own[policy.name]))
    raise UserError(
        f"{said}{policy.name!r} in {str(policy.path)!r} is not a policy that this run has trained; return what run.finetune, "
        f"run.policy_gradient and the like return"
    )
