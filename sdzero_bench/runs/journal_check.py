"""Whether what a run folder holds of samples and of use is that of its run: nothing of another one, and nothing lost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from sdzero_bench.core.errors import DamagedError
from sdzero_bench.records.folder import SOLUTIONS, RunFolder
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.line_sums import LineSums
from sdzero_bench.records.record_files import LEDGER
from sdzero_bench.runs.evaluation.curve_points import label_at
from sdzero_bench.runs.evaluation.evaluating import Evaluation
from sdzero_bench.training.method import VERIFIER_REWARDS, Method
from sdzero_bench.training.run import Run


def require_own(run: Run, method: Method, evaluation: Evaluation) -> None:
    """Raise `DamagedError` for anything else; it names the file and, for a sample, its line."""
    folder, journal, saved = run.folder, run.journal, run.saved
    phases = method.phases(len(run.questions))
    labels = ["base", "final", *(phase.kept_as for phase in phases if phase.kept_as is not None)]
    labels += map(label_at, run.config.evaluation.curve_at)
    asked = {phase.name: {question.id for question in run.questions} for phase in phases}
    asked |= {f"{EVALUATION}.{label}{end}": ids for label in labels for end, ids in evaluation.phases.items()}
    for phase, samples in journal.phases.items():
        if phase not in asked:
            file = str(folder.journal / f"{phase}.jsonl")
            raise DamagedError(f"{file!r} belongs to no phase of this run; move it out of the folder")
        for key in samples:
            if key.rpartition("/")[0] not in asked[phase]:
                raise journal.damaged(phase, key, "answers no question of this run")
    if strange := saved.keys() - asked.keys():
        raise DamagedError(f"{str(folder.path / LEDGER)!r}: {min(strange)!r} is no phase of this run; the ledger was edited")
    for name, on_policy in ((phase.name, phase.on_policy) for phase in phases if phase.trains):
        if not (policy := folder.checkpoints / name).is_dir():
            continue
        if name not in saved:
            file = str(folder.path / LEDGER)
            raise DamagedError(f"{file!r} lacks what {name!r} has used; get the file back from a copy, or start a new run")
        if on_policy and (found := len(journal.phases.get(name, ()))) < (booked := saved[name].samples):
            file = str(folder.journal / f"{name}.jsonl")
            raise DamagedError(
                f"{file!r} has {found} samples of the {booked} that were drawn; get the file back from a copy, or delete "
                f"{str(policy)!r} and resume: the policy is then trained again"
            )
        _require_own_log(folder, name, policy)
    if method.supervision != VERIFIER_REWARDS:
        _require_own_solutions(run)


def _require_own_log(folder: RunFolder, name: str, policy: Path) -> None:
    """Raise `DamagedError` if the training log of a finished policy, which is not read otherwise, is damaged."""
    from sdzero_bench.training.callbacks import read_steps

    log = folder.training / f"{name}.jsonl"
    if len(read_steps(log)) < len(LineSums(log).read()):
        raise DamagedError(
            f"{str(log)!r} has lost lines, or is missing; get it back from a copy, or delete {str(policy)!r} and resume: the "
            f"policy is then trained again"
        )


def _require_own_solutions(run: Run) -> None:
    """Raise `DamagedError` if gold solutions are not those that the run began with; no fingerprint of questions has them."""
    solutions = [run.task.demonstration(question) for question in run.questions]
    digest = hashlib.sha256(json.dumps(solutions).encode()).hexdigest()
    if run.folder.solutions not in (None, digest):
        raise DamagedError(
            f"the gold solutions that {str(run.folder.path)!r} learns from have changed since the run began, or "
            f"{SOLUTIONS!r} in it is damaged; start a new run"
        )
    run.folder.keep_solutions(digest)
