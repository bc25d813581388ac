"""Every journaled text verified again, which exposes edits that are consistent across all files."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.text import counted
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import measured_on, other_task
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file
from sdzero_bench.report.audit.not_recorded import DetailsNotRecorded
from sdzero_bench.runs.config import make_task
from sdzero_bench.runs.evaluation.other_tasks import names_of
from sdzero_bench.verifiers.equip import equip
from sdzero_bench.verifiers.pool import VerifierPool

HAD_NONE = "had no verdict"

FEW_FAILURES = 0.01
"""The share of a phase's samples on which a verifier may have failed, and not fail again: a machine can be busy for a while."""

NEEDS_DETAILS = "cannot be verified again: the task's verifier needs details of the questions that are not in the record"


class Reverifier:
    """Verifies the samples of records again, in worker processes as when they were drawn."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
        self._pools: dict[str, VerifierPool] = {}

    def check(
        self, record: AuditedRecord, advance: Callable[[int], None] = lambda count: None
    ) -> tuple[list[Discrepancy], list[str]]:
        """A finding for each phase whose rewards or answers are not what the task's verifier says of the texts, and notes.

        Notes report what is not an edit: a verifier that had failed on few samples, or that times out now, and a task whose
        verifier needs more of a question than the record keeps. `advance` is called with the number of samples done.
        """
        if record.config is None or record.questions is None:
            return [], ["not verified again: fix the config and the questions first"]
        config = record.config
        findings: list[Discrepancy] = []
        notes: list[str] = []
        tasks = {other_task(name): {"name": name} for name in names_of(config)}
        order = [config.task, *tasks.values()]  # a pool is of one task

        def task_of(phase: str) -> dict[str, Any]:
            return tasks.get(measured_on(phase), config.task)

        for phase, samples in sorted(record.samples.items(), key=lambda item: order.index(task_of(item[0]))):
            try:
                pool = self._pool(config.model_copy(update={"task": task_of(phase)}))
            except Exception as error:  # a task that is not installed, or a plug-in's own
                notes.append(f"{journal_file(phase)}: not verified again: {error}")
                continue
            questions = {q.id: q for q in record.questions.get(measured_on(phase), ())}
            known = [sample for sample in samples if sample.question_id in questions]
            try:
                outcomes = _outcomes(known, questions, pool, advance)
            except DetailsNotRecorded:  # already in the parent, where limits and keys are looked up
                notes.append(f"{journal_file(phase)}: {counted(len(known), 'sample')} {NEEDS_DETAILS}")
                advance(len(known))
                continue
            findings += [_finding(journal_file(phase), outcomes.pop("differs"))] if "differs" in outcomes else []
            outcomes.pop("same", None)
            for outcome, those in outcomes.items():
                said = f"{counted(len(those), 'sample')} {outcome}"
                if outcome.startswith(HAD_NONE) and len(those) > FEW_FAILURES * len(known):
                    findings.append(Discrepancy(journal_file(phase), f"{said}; the figures leave them out"))
                else:
                    notes.append(f"{journal_file(phase)}: {said}")
        return findings, notes

    def _pool(self, config: RunConfig) -> VerifierPool:
        """One pool for successive records of one task: workers take a second to start."""
        key = repr((sorted(config.task.items(), key=str), config.verifying.timeout_seconds))
        if key not in self._pools:
            self.close()
            task = equip(make_task(config), config.verifying)
            self._pools[key] = VerifierPool(task, self.workers, config.verifying.timeout_seconds)
        return self._pools[key]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def __enter__(self) -> Reverifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _outcomes(
    samples: list[Sample], questions: dict[str, Question], pool: VerifierPool, advance: Callable[[int], None]
) -> dict[str, list[tuple[Sample, Verdict]]]:
    """The samples with their new verdicts, by how these compare with the recorded ones."""
    # Samples of one question are often the same text; its verdict is the same too.
    times = Counter((sample.question_id, sample.text) for sample in samples)
    left = iter(times.values())
    pairs = [(questions[question_id], text) for question_id, text in times]
    verdicts = dict(zip(times, pool.verify(pairs, lambda verdict: advance(next(left))), strict=True))
    outcomes = defaultdict(list)
    for sample in samples:
        verdict = verdicts[sample.question_id, sample.text]
        outcomes[_outcome(sample.verdict, verdict)].append((sample, verdict))
    return outcomes


def _outcome(recorded: Verdict, verdict: Verdict) -> str:
    """How a verdict compares with the one of the record: "same", "differs", or words that go after "... samples"."""
    if verdict.detail.startswith(DetailsNotRecorded.__name__):
        return NEEDS_DETAILS
    if recorded.reward is None:
        return "same" if verdict.reward is None else f"{HAD_NONE} ({recorded.status}), and have one now"
    if verdict.status == "timeout":
        return "were not verified within the time limit this time, and are not compared"
    return "same" if _said(recorded) == _said(verdict) else "differs"


def _finding(file: str, those: list[tuple[Sample, Verdict]]) -> Discrepancy:
    sample, verdict = those[0]
    those_are = counted(len(those), "verdict is", "verdicts are")
    what = f"{those_are} not what the verifier says of the text, such as that of {sample.key}"
    return Discrepancy(file, what, _said(sample.verdict), _said(verdict), "verified again")


def _said(verdict: Verdict) -> dict[str, Any]:
    said = {"reward": verdict.reward, "answer": verdict.answer}
    return said if verdict.reward is not None else {**said, "status": verdict.status, "detail": verdict.detail}
