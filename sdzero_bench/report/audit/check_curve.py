"""The learning curve: its points, figures and selection computed again from journals, training logs and ledger.

The number of parameters, and the seconds of a training log, are taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.text import counted
from sdzero_bench.records.compressed import stored
from sdzero_bench.records.curve_record import CURVE_FILE, LearningCurve, LearningCurveFile
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import TEST, VALIDATION
from sdzero_bench.records.part import as_json
from sdzero_bench.records.record_files import RESULT
from sdzero_bench.report.audit.at_hand import NotAtHand, method_of
from sdzero_bench.report.audit.audited_record import AuditedRecord, check_schema, journal_file, read_json
from sdzero_bench.runs.evaluation.curve_measuring import CurveQuestions, curve_of, first, keys, phases_of, samples_each
from sdzero_bench.runs.evaluation.curve_points import RunSoFar, labelled, reached
from sdzero_bench.training.curve_steps import thresholds
from sdzero_bench.training.recipe import Phase


def curve_phases(record: AuditedRecord) -> set[str]:
    """The phases that measure the policies of curve.json."""
    content, _ = read_json(record.folder, CURVE_FILE) if stored(record.folder / CURVE_FILE) else ({}, None)
    evaluated = {entry.policy for entry in record.evaluation or ()}
    points = content.get("points") if isinstance(content, dict) else None
    labels = {str(point.get("policy")) for point in points or () if isinstance(point, dict)}
    return {phase for label in labels for phase in phases_of(label, label in evaluated)}


def check_curve(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each figure that does not follow, and for a curve that is missing or was not asked for."""
    if record.config is None or record.questions is None or record.evaluation is None or record.ledger is None:
        return
    if record.logs is None:
        return
    exists = stored(record.folder / CURVE_FILE) is not None
    if record.config.evaluation.of_curve and not exists and record.config.questions.measure_only:
        return
    try:
        method = method_of(record.config)
        phases = list(method.phases(len(record.questions["train"]))) if method.trains else []
    except NotAtHand as missing:
        if exists:
            record.notes.append(f"{CURVE_FILE} was not checked: {missing}")
        return
    if not thresholds(record.config.evaluation, {p.name: p.samples for p in phases if p.draws}):
        if exists or (record.result is not None and record.result.curve is not None):
            yield Discrepancy(CURVE_FILE, "there is a learning curve, though config.evaluation.curve_questions asks for none")
        return
    content, problem = read_json(record.folder, CURVE_FILE)
    problems = [problem] if problem else list(check_schema(CURVE_FILE, content, TypeAdapter(LearningCurveFile)))
    yield from problems
    if problems or record.unreadable:
        return
    found = LearningCurveFile(**content)
    try:
        again = _again(record, phases, found.parameters)
    except (KeyError, IndexError, ValueError, UserError) as error:
        yield Discrepancy(CURVE_FILE, f"cannot be computed again from the journals ({type(error).__name__}: {error})")
        return
    yield from compare(CURVE_FILE, "curve", as_json(found), as_json(again))
    if record.result is not None:
        said = record.result.curve and as_json(record.result.curve)
        yield from compare(RESULT, "curve", said, as_json(LearningCurve(**dict(found))), f"{CURVE_FILE} has")
    yield from _check_complete(record, found)


def _again(record: AuditedRecord, phases: list[Phase], parameters: int) -> LearningCurveFile:
    assert record.config is not None
    assert record.questions is not None
    assert record.ledger is not None
    assert record.logs is not None
    logs = record.logs
    settings, evaluated = record.config.evaluation, {entry.policy: entry.checkpoint for entry in record.evaluation or ()}
    so_far = RunSoFar(
        phases,
        record.ledger,
        lambda phase: record.samples[phase],
        lambda phase: logs[phase],
    )
    points = reached(settings, so_far, evaluated["final"])
    questions = _questions(record)
    labels = labelled(points, evaluated)
    samples = {label: _samples(record, label, label in evaluated, questions) for label in labels}
    planned = sum(phase.samples for phase in phases)
    return curve_of(settings, points, labels, samples, questions, planned, parameters)


def _questions(record: AuditedRecord) -> CurveQuestions:
    assert record.config is not None
    assert record.questions is not None
    test = first(record.questions[TEST], record.config.evaluation.of_curve)
    return CurveQuestions(test, record.questions.get(VALIDATION))


def _samples(
    record: AuditedRecord, label: str, evaluated: bool, questions: CurveQuestions
) -> tuple[list[Sample], list[Sample]]:
    assert record.config is not None
    found = []
    sets = (questions.test, questions.validation)
    for phase, asked in zip(phases_of(label, evaluated), sets, strict=True):
        known = {sample.key: sample for sample in record.samples.get(phase, ())}
        found.append([known[key] for key in keys(asked, samples_each(record.config.evaluation))] if asked is not None else [])
    return found[0], found[1]


def _check_complete(record: AuditedRecord, curve: LearningCurveFile) -> Iterator[Discrepancy]:
    """One policy has drawn the samples of each phase, and none is there beyond those that the curve is made of."""
    assert record.config is not None
    questions, evaluated = _questions(record), {entry.policy for entry in record.evaluation or ()}
    each = samples_each(record.config.evaluation)
    for label, checkpoint in {point.policy: point.checkpoint for point in curve.points}.items():
        phases = phases_of(label, label in evaluated)
        for phase, asked in zip(phases, (questions.test, questions.validation), strict=True):
            drawn = record.samples.get(phase, [])
            if strange := sorted({sample.policy for sample in drawn} - {checkpoint}):
                yield Discrepancy(journal_file(phase), f"has samples of {strange[0]!r}, and {CURVE_FILE} says {checkpoint!r}")
            own = asked is not None and (label not in evaluated or phase.endswith(VALIDATION))
            if own and (more := {sample.key for sample in drawn} - set(keys(asked or (), each))):
                what = f"has, beyond what was asked for, {counted(len(more), 'sample')}, such as {min(more)}"
                yield Discrepancy(journal_file(phase), what)
