"""Self-localisation: whose responses are in localisation.json, and that what is said of them can be so.

The divergences themselves follow from weights, which a record is without; they are taken on trust.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import TypeAdapter

from sdzero_bench.records.compressed import stored
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.measured import Localisation
from sdzero_bench.records.part import as_json
from sdzero_bench.report.audit.at_hand import NotAtHand, method_of
from sdzero_bench.report.audit.audited_record import AuditedRecord, check_schema, journal_file, read_json
from sdzero_bench.runs.evaluation.localising import LOCALISATION, first_responses, students


def check_localisation(record: AuditedRecord) -> Iterator[Discrepancy]:
    """The file exists exactly if it was asked for, and has a value for each token of each response that it must cover."""
    if record.config is None:
        return
    content, problem = read_json(record.folder, LOCALISATION)
    if not record.config.evaluation.localise:
        if stored(record.folder / LOCALISATION):
            yield Discrepancy(LOCALISATION, "exists, though config.evaluation.localise is 0")
        return
    problems = [problem] if problem else list(check_schema(LOCALISATION, content, TypeAdapter(Localisation)))
    yield from problems
    if problems or record.evaluation is None or record.questions is None:
        return
    try:
        method = method_of(record.config)
    except NotAtHand as missing:
        record.notes.append(f"{LOCALISATION} was not checked: {missing}")
        return
    found = Localisation(**content)
    labels = students([entry.policy for entry in record.evaluation], method.reviser)
    yield from compare(LOCALISATION, "reviser", found.reviser, labels[0], "evaluation.json has")
    yield from compare(LOCALISATION, "phrases", as_json(found.phrases), method.phrases.model_dump(), "config has")
    for number, row in enumerate(found.responses):
        if not row.tokens == len(row.kl) == len(row.reward):
            counts = f"{len(row.kl)} divergences and {len(row.reward)} rewards"
            yield Discrepancy(LOCALISATION, f"responses.{number}: has {row.tokens} tokens, but {counts}")
    for label in labels:
        yield from _check_responses(record, label, found)
    if strange := sorted({row.policy for row in found.responses} - set(labels)):
        yield Discrepancy(
            LOCALISATION, f"has responses of {strange[0]!r}, which is not among the policies to look at: {', '.join(labels)}"
        )


def _check_responses(record: AuditedRecord, label: str, found: Localisation) -> Iterator[Discrepancy]:
    """The responses of one policy are the first of the journal, with its verdicts and lengths."""
    assert record.config is not None
    assert record.questions is not None
    phase, settings = f"{EVALUATION}.{label}", record.config.evaluation
    if phase in record.unreadable:
        return
    journal = {s.key: s for s in record.samples.get(phase, [])}
    try:
        ids = [q.id for q in record.questions["test"]]
        chosen, unverified = first_responses(ids, journal, settings.samples, settings.localise)
    except KeyError as error:
        yield Discrepancy(journal_file(phase), f"lacks the sample {error}, which {LOCALISATION} has to be about")
        return
    yield from compare(LOCALISATION, f"unverified.{label}", found.unverified.get(label), unverified, "the journal has")
    names = ("question_id", "index", "right", "tokens")
    said = [{name: getattr(row, name) for name in names} for row in found.responses if row.policy == label]
    drawn = [{"question_id": s.question_id, "index": s.index, "right": s.right, "tokens": len(s.token_ids)} for s in chosen]
    yield from compare(LOCALISATION, f"responses of {label}", said, drawn, "the journal has")
