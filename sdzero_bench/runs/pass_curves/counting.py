"""Draw the samples of a pass@k curve, one record folder per policy, and count the correct ones."""

from __future__ import annotations

from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.text import counted
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.record_files import is_finished, read_manifest
from sdzero_bench.runs.pass_curves.compared_policies import BASE, ComparedPolicies, require_same_measurement
from sdzero_bench.runs.resuming import session_in
from sdzero_bench.runs.session import Session


def sessions(policies: ComparedPolicies, out: Path, display: ProgressDisplay) -> dict[str, tuple[Session, RunFolder]]:
    """A session for each policy, in a folder named after it. One that has begun there goes on.

    Raises `UserError`, before anything is drawn, if a folder holds another measurement, or for what a run would refuse.
    """
    found = {}
    for label, config in policies.configs.items():
        folder = RunFolder(out / label)
        if folder.manifest is not None:
            require_same_measurement(config, read_manifest(folder.path).config, folder.path)
            folder.lock()
            session = session_in(folder, display)
        else:
            session = Session(config, display)
            session.origin = policies.subjects[label].origin
        found[label] = session, folder
    return found


def counts(session: Session, folder: RunFolder, display: ProgressDisplay) -> list[tuple[int, int]]:
    """Verified and correct samples of each question, in the order of the questions; what is not in the journal is drawn.

    Raises `UserError` if none of a question's samples could be verified.
    """
    if folder.manifest is None or not is_finished(folder.path):
        folder.lock()
        display.say(
            f"{folder.path.name}: {counted(session.config.evaluation.samples, 'sample')} of "
            f"{counted(len(session.test_questions), 'question')}"
        )
        session.execute(folder)
    journal = Journal(folder.journal)
    try:
        return _counted(journal, session.test_questions)
    finally:
        journal.close()


def _counted(journal: Journal, questions: QuestionSet) -> list[tuple[int, int]]:
    verified, right = dict.fromkeys((q.id for q in questions), 0), dict.fromkeys((q.id for q in questions), 0)
    for sample in journal.phases[f"{EVALUATION}.{BASE}"].values():  # of a measurement alone, the policy is the base
        if sample.verdict.reward is not None:
            verified[sample.question_id] += 1
            right[sample.question_id] += sample.right
    if none := next((id for id, count in verified.items() if not count), None):
        raise UserError(f"none of the samples of question {none!r} could be verified; see the verdicts in the journal")
    return [(verified[q.id], right[q.id]) for q in questions]
