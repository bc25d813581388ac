"""Questions and journals: the fingerprints, the digests, whose samples these are, and how long they may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sdzero_bench.core.question import normalised
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.text import counted
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.ledger import TEST, TRAIN, measured_on, measures, other_task
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.part import as_json
from sdzero_bench.records.question_sets import file_name, find_question_set
from sdzero_bench.records.record_files import MANIFEST
from sdzero_bench.records.recorded_journal import journal_digest
from sdzero_bench.records.schema import JournalOfPhase
from sdzero_bench.records.texts import texts_digest
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file


def check_questions(record: AuditedRecord) -> Iterator[Discrepancy]:
    """Both fingerprints recomputed, no question in both splits, none that decontamination says it has removed.

    An id may occur in both: files of one's own may number the questions of each.
    """
    if record.questions is None:
        return
    train, test = record.questions["train"], record.questions["test"]
    for file, content in (("manifest.json", record.manifest), ("result.json", record.result)):
        if content is not None:
            for name, questions in (("question_set", train), ("test_set", test)):
                yield from compare(file, name, getattr(content, name), questions.fingerprint, f"{record.question_file} has")
    if record.manifest is not None and (files := record.manifest.question_files) is not None:
        others = [(record.questions[use], name) for use, name in files.others.items()]
        for questions, kept in ((train, files.train), (test, files.test), *others):
            if kept is not None and (again := _name_of_file(record, kept, questions.fingerprint)) != kept:
                yield Discrepancy(record.question_file, "questions are not as the run wrote them", kept, again)
    texts = {normalised(q.text) for q in test}
    if both := [q.id for q in train if normalised(q.text) in texts]:
        yield Discrepancy(
            record.question_file,
            f"{counted(len(both), 'training question is a test question', 'training questions are test questions')} "
            f"too, such as {both[0]!r}",
        )
    if record.manifest is not None and (side := record.manifest.decontamination.side) != "off":
        removed = {getattr(overlap, side) for overlap in record.manifest.decontamination.removed}
        if back := [q.id for q in record.questions[side] if q.id in removed]:
            yield Discrepancy(
                record.question_file,
                f"{counted(len(back), f'{side} question is', f'{side} questions are')} present though removed as "
                f"overlapping, such as {back[0]!r}",
            )


def _name_of_file(record: AuditedRecord, name: str, fingerprint: str) -> str:
    """What a question set's file would be called by what it holds."""
    return file_name(fingerprint, list(read_lines(find_question_set(record.folder, name))))


def check_journals(record: AuditedRecord) -> Iterator[Discrepancy]:
    """Number and digest of each phase's samples, and every sample's question, phase and length."""
    listed = record.manifest.journal or {} if record.manifest is not None else None
    for phase in listed or ():
        if phase not in record.rows and phase not in record.unreadable:
            yield Discrepancy(journal_file(phase), "is missing, though the manifest has its digest")
    for phase, rows in record.rows.items():
        file = journal_file(phase)
        if listed is not None:
            if (said := listed.get(phase)) is None:
                yield Discrepancy(file, "is not in the manifest's list of journals")
            else:
                found = JournalOfPhase(
                    samples=len(rows),
                    sha256=journal_digest(rows, with_texts=said.texts_sha256 is None),
                    texts_sha256=said.texts_sha256 and texts_digest(rows),
                )
                yield from compare(MANIFEST, f"journal.{phase}", as_json(said), as_json(found), f"{file} has")
        yield from _check_samples(record, phase)


def _check_samples(record: AuditedRecord, phase: str) -> Iterator[Discrepancy]:
    file, samples = journal_file(phase), record.samples[phase]
    if strange := next((s for s in samples if s.phase != phase), None):
        yield Discrepancy(file, f"sample {strange.key} says that it is of phase {strange.phase!r}")
    if twice := [key for key, count in Counter(s.key for s in samples).items() if count > 1]:
        yield Discrepancy(file, f"{counted(len(twice), 'sample occurs', 'samples occur')} more than once, such as {twice[0]}")
    if record.questions is not None:
        split = measured_on(phase)
        what = {TRAIN: "training", TEST: "measured"}.get(split, split)
        ids = {q.id for q in record.questions.get(split, ())}
        if strange_ids := sorted({s.question_id for s in samples} - ids):
            yield Discrepancy(
                file,
                f"{counted(len(strange_ids), 'question is', 'questions are')} not among the {what} questions of "
                f"{record.question_file}, such as "
                f"{strange_ids[0]!r}",
            )
    if record.config is not None:
        engine = record.config.engine.name
        if of_others := [s for s in samples if s.engine.split(" ")[0] != engine]:
            what = f"{counted(len(of_others), 'sample is', 'samples are')} of another engine, such as {of_others[0].key}"
            yield Discrepancy(file, what, of_others[0].engine, engine, "the settings give")
        section, limit = _limit(record, record.config, phase)
        if long := [s for s in samples if len(s.token_ids) > limit]:
            yield Discrepancy(
                file,
                f"{counted(len(long), 'sample is', 'samples are')} longer than {section}={limit}, such as {long[0].key} with "
                f"{counted(len(long[0].token_ids), 'token')}",
            )
        if short := [s for s in samples if s.truncated and len(s.token_ids) < limit]:
            yield Discrepancy(
                file,
                f"{counted(len(short), 'sample was', 'samples were')} truncated below {section}={limit}, such as "
                f"{short[0].key} with "
                f"{counted(len(short[0].token_ids), 'token')}",
            )


def _limit(record: AuditedRecord, config: RunConfig, phase: str) -> tuple[str, int]:
    """The setting that limits the samples of a phase, and its value."""
    if not measures(phase):
        return "sampling.max_new_tokens", config.sampling.max_new_tokens
    if phase.endswith(".revision") and config.evaluation.revision_tokens is not None:
        return "evaluation.revision_tokens", config.evaluation.of_revision
    for other in (other for entry in record.evaluation or () for other in entry.other_tasks or ()):
        if measured_on(phase) == other_task(other.task):
            return f"max_new_tokens of {other.task}", other.max_new_tokens
    return "evaluation.max_new_tokens", config.evaluation.max_new_tokens
