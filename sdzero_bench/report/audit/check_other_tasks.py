"""What was forgotten: the figures on other tasks from their samples, and those of KL from the values of each response.

Taken on trust is what follows from weights alone: each response's KL, and the answers of tasks that compare likelihoods.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.ledger import EVALUATION, TEST, other_task
from sdzero_bench.records.measured import OtherTask, PolicyEvaluation
from sdzero_bench.records.part import as_json
from sdzero_bench.records.record_files import EVALUATION_FILE
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file
from sdzero_bench.runs.evaluation.kl_to_base import first_responses_to, kl_figures
from sdzero_bench.runs.evaluation.measures import measure, paired_difference
from sdzero_bench.runs.evaluation.other_tasks import names_of, other_task_figures

MEASURED = ("base", "final")
"""Policies that are measured on other tasks."""


def other_phases(record: AuditedRecord) -> set[str]:
    """The phases in which policies were measured on other tasks."""
    names = names_of(record.config) if record.config is not None else []
    return {f"{EVALUATION}.{label}.{other_task(name)}" for label in MEASURED for name in names}


def check_other_tasks(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each figure that does not follow, and for tasks that are missing or were not asked for."""
    if record.config is None or record.questions is None or record.evaluation is None:
        return
    names = names_of(record.config)
    base = next((entry for entry in record.evaluation if entry.policy == "base"), None)
    for entry in record.evaluation:
        said = [other.task for other in entry.other_tasks or ()]
        asked = names if entry.policy in MEASURED else []
        yield from compare(EVALUATION_FILE, f"{entry.policy}.other_tasks", said, asked, "the settings give")
        if said == asked:
            for other in entry.other_tasks or ():
                yield from _check_task(record, entry, other, base)
        yield from _check_kl(record, entry)


def _check_task(
    record: AuditedRecord, entry: PolicyEvaluation, other: OtherTask, base: PolicyEvaluation | None
) -> Iterator[Discrepancy]:
    assert record.questions is not None
    on, what = other_task(other.task), f"{entry.policy}.{other.task}"
    phase = f"{EVALUATION}.{entry.policy}.{on}"
    values = (entry.other_by_question or {}).get(other.task, {})
    ids = [question.id for question in record.questions.get(on, ())]
    yield from compare(EVALUATION_FILE, f"{what}: questions", sorted(values), sorted(ids), f"{record.question_file} has")
    if not ids or phase in record.unreadable or values.keys() != set(ids):
        return
    unverified = 0
    if other.samples_per_question:
        known = {sample.key: sample for sample in record.samples.get(phase, ())}
        wanted = [f"{id}/{index}" for id in ids for index in range(other.samples_per_question)]
        if known.keys() != set(wanted):
            example = min(known.keys() ^ set(wanted))
            yield Discrepancy(journal_file(phase), f"does not have exactly the samples that were asked for, such as {example}")
            return
        if strange := sorted({sample.policy for sample in known.values()} - {entry.checkpoint}):
            yield Discrepancy(journal_file(phase), f"has samples of {strange[0]!r}, not of {entry.checkpoint!r}")
        try:
            found = measure([known[key] for key in wanted], 1)
        except UserError as error:
            yield Discrepancy(EVALUATION_FILE, f"{what} cannot be computed again: {error}")
            return
        yield from compare(EVALUATION_FILE, f"{what}: by question", values, found.per_question.avg)
        values, unverified = found.per_question.avg, found.unverified
    values = {id: values[id] for id in ids}
    again = other_task_figures(other.task, other.samples_per_question, other.max_new_tokens, values, unverified)
    before = (base.other_by_question or {}).get(other.task) if base is not None and base is not entry else None
    if before is not None and before.keys() == values.keys():
        again.over_base = paired_difference(before, values)
    yield from compare(EVALUATION_FILE, what, as_json(other), as_json(again))


def _check_kl(record: AuditedRecord, entry: PolicyEvaluation) -> Iterator[Discrepancy]:
    assert record.config is not None
    assert record.questions is not None
    file, what = EVALUATION_FILE, f"{entry.policy}.kl_to_base"
    count = record.config.evaluation.of_kl if entry.policy == "final" else 0
    if not count or entry.kl_by_question is None or entry.kl_to_base is None:
        has = entry.kl_by_question is not None or entry.kl_to_base is not None
        if has or count:
            yield Discrepancy(file, f"{what} is {'there' if has else 'missing'}, and config.evaluation.kl is {count}")
        return
    if (phase := f"{EVALUATION}.{entry.policy}") in record.unreadable:
        return
    journal = {sample.key: sample for sample in record.samples.get(phase, ())}
    try:
        responses = first_responses_to(record.questions[TEST], journal, count)
    except KeyError as error:
        yield Discrepancy(journal_file(phase), f"lacks the sample {error}, whose KL was measured")
        return
    tokens: dict[str, Any] = {question.id: len(sample.token_ids) for question, sample in responses}
    said: dict[str, Any] = {id: response.tokens for id, response in entry.kl_by_question.items()}
    yield from compare(file, f"{what}: tokens", said, tokens, "the journal has")
    if said == tokens:
        again = kl_figures([entry.kl_by_question[id] for id in tokens])
        yield from compare(file, what, as_json(entry.kl_to_base), as_json(again))
