"""Every figure of evaluation.json and result.json, computed again from the journals by the code that computed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.text import counted
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import EVALUATION, measures
from sdzero_bench.records.measured import PolicyFigures
from sdzero_bench.records.part import as_json
from sdzero_bench.records.record_files import EVALUATION_FILE, RESULT
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file
from sdzero_bench.report.audit.check_curve import curve_phases
from sdzero_bench.report.audit.check_other_tasks import other_phases
from sdzero_bench.runs import registry
from sdzero_bench.runs.evaluation.measures import measure, measure_revision, paired_difference


def check_figures(record: AuditedRecord) -> Iterator[Discrepancy]:
    """The measured policies are those of the journals, no sample is missing, and each figure follows from them."""
    yield from _check_result(record)
    if record.evaluation is None or record.config is None or record.questions is None:
        return
    labels = [entry.policy for entry in record.evaluation]
    expected = {phase for label in labels for phase in _phases(label)} | curve_phases(record) | other_phases(record)
    for phase in record.samples:
        if measures(phase) and phase not in expected:
            yield Discrepancy(EVALUATION_FILE, f"has no policy for {journal_file(phase)}")
    yield from _check_labels(record, labels)
    recomputed: dict[str, dict[str, Any]] = {}
    for entry in record.evaluation:
        label = entry.policy
        if any(phase in record.unreadable for phase in _phases(label)):
            continue
        yield from _check_complete(record, label)
        try:
            recomputed[label] = _measured(record, label)
        except UserError as error:
            yield Discrepancy(EVALUATION_FILE, f"{label}: its figures cannot be computed again: {error}")
            continue
        if label != "base" and "base" in recomputed:
            base, own = recomputed["base"]["per_question"]["avg"], recomputed[label]["per_question"]["avg"]
            if base.keys() == own.keys():
                recomputed[label]["over_base"] = as_json(paired_difference(base, own))
        recorded = as_json(entry)
        for name, value in recomputed[label].items():
            yield from compare(EVALUATION_FILE, f"{label}.{name}", recorded[name], value)
        if entry.over_base is not None and "over_base" not in recomputed[label]:
            yield Discrepancy(EVALUATION_FILE, f"{label}.over_base: there is no base policy to compare with")


def _phases(label: str) -> tuple[str, str]:
    return f"{EVALUATION}.{label}", f"{EVALUATION}.{label}.revision"


def _check_labels(record: AuditedRecord, labels: list[str]) -> Iterator[Discrepancy]:
    assert record.config is not None
    if len(set(labels)) < len(labels):
        yield Discrepancy(EVALUATION_FILE, f"a policy occurs more than once: {', '.join(labels)}")
    if not labels:
        yield Discrepancy(EVALUATION_FILE, "has no measured policy")
    elif record.config.evaluation.base and "base" not in labels:
        yield Discrepancy(EVALUATION_FILE, "has no base policy, though config.evaluation.base is true")


def _measured(record: AuditedRecord, label: str) -> dict[str, Any]:
    """The entry of one policy, as `Session` makes it."""
    assert record.config is not None
    phase, revision = _phases(label)
    first = _in_order(record, phase)
    if not first:
        raise UserError(f"{journal_file(phase)} has no sample of a measured question")
    result: dict[str, Any] = {
        "checkpoint": first[0].policy,
        **as_json(measure(first, record.config.evaluation.pass_at)),
    }
    if record.config.evaluation.revise:
        revised = {s.key: s for s in _in_order(record, revision)}
        verified = [s for s in first if s.verdict.reward is not None]
        if missing := [s.key for s in verified if s.key not in revised]:
            raise UserError(f"{journal_file(revision)} lacks {counted(len(missing), 'sample')}, such as {missing[0]}")
        result["revision"] = as_json(measure_revision(verified, [revised[s.key] for s in verified]))
    else:
        result["revision"] = None
    return result


def _in_order(record: AuditedRecord, phase: str) -> list[Sample]:
    """A phase's samples as they were asked for, question by question: the journal has them batch by batch."""
    assert record.questions is not None
    place = {q.id: number for number, q in enumerate(record.questions["test"])}
    known = {s.key: s for s in record.samples.get(phase, []) if s.question_id in place}
    return sorted(known.values(), key=lambda s: (place[s.question_id], _number(s.index)))


def _number(index: str) -> int:
    return int(index) if index.isdecimal() else -1


def _check_complete(record: AuditedRecord, label: str) -> Iterator[Discrepancy]:
    """No sample of a measured question was left out, and none added, and one policy drew them all."""
    assert record.config is not None
    assert record.questions is not None
    phase, revision = _phases(label)
    wanted = {f"{q.id}/{i}" for q in record.questions["test"] for i in range(record.config.evaluation.samples)}
    drawn = {s.key for s in record.samples.get(phase, [])}
    for what, keys in (("lacks", wanted - drawn), ("has, beyond what was asked for,", drawn - wanted)):
        if keys:
            yield Discrepancy(journal_file(phase), f"{what} {counted(len(keys), 'sample')}, such as {min(keys)}")
    texts = {s.key: s.text for s in record.samples.get(phase, [])}
    if torn := [s.key for s in record.samples.get(revision, []) if not s.prefix.startswith(texts.get(s.key, ""))]:
        yield Discrepancy(
            journal_file(revision),
            f"{counted(len(torn), 'revision does', 'revisions do')} not begin with the first response, such as {torn[0]}",
        )
    if len(policies := {s.policy for p in (phase, revision) for s in record.samples.get(p, [])}) > 1:
        yield Discrepancy(
            journal_file(phase), f"its samples, revisions included, are of several policies: {', '.join(sorted(policies))}"
        )


def _check_result(record: AuditedRecord) -> Iterator[Discrepancy]:
    """What result.json repeats of manifest.json and of evaluation.json."""
    if record.result is None:
        return
    result = as_json(record.result)
    if record.manifest is not None:
        manifest = as_json(record.manifest)
        manifest["sandbox"] = manifest["sandbox"] and manifest["sandbox"]["name"]
        of_the_run = ("bench_version", "run_id", "supervision", "control", "tuning", "origin")
        for name in (*of_the_run, "harness", "left_out_tests", "sandbox"):
            yield from compare(RESULT, name, result[name], manifest[name], "manifest.json has")
    if record.config is not None:
        config = record.config
        says = {
            "method": config.method.get("name"),
            "task": _name_of_task(record, str(config.task.get("name"))),
            "preset": config.preset,
            "seed": config.seed,
            "model": config.model.name,
        }
        for name, value in says.items():
            yield from compare(RESULT, name, result[name], value, "the config in manifest.json has")
    if record.evaluation is not None:
        measured = [PolicyFigures(**dict(entry)) for entry in record.evaluation]
        yield from compare(
            RESULT, "evaluation", _by_policy(record.result.evaluation), _by_policy(measured), "evaluation.json has"
        )


def _name_of_task(record: AuditedRecord, configured: str) -> str:
    """What the results of this task go by: that of a file is named without its folder and ending."""
    try:
        return registry.task(configured).name
    except Exception as error:  # a plug-in's own, such as an import that fails
        if record.result is None or configured == record.result.task:
            return configured
        record.notes.append(f"{RESULT}: whether {record.result.task!r} is the name of {configured!r} was not checked: {error}")
        return record.result.task


def _by_policy(entries: Sequence[PolicyFigures]) -> dict[str, Any]:
    return {entry.policy: as_json(entry) for entry in entries}
