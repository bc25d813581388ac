"""What follows from the settings: supervision, question sets and their sizes, and what decontamination removed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

import yaml
from pydantic import ValidationError

from sdzero_bench.core.bench_version import BENCH_VERSION, in_order
from sdzero_bench.core.question import Question, normalised
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.text import counted
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.questions.decontamination import RULE, words
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.records.folder import CONFIG
from sdzero_bench.records.part import as_json
from sdzero_bench.records.question_sets import name_of
from sdzero_bench.records.record_files import MANIFEST
from sdzero_bench.report.audit.at_hand import NotAtHand, method_of, questions_at_hand, task_of
from sdzero_bench.report.audit.audited_record import AuditedRecord

GENERATORS = ("sdzero-bench", "reasoning-gym", "numpy")
"""Packages another version of which may generate other questions."""


def check_settings(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each part of the record that is not what its settings give."""
    if record.config is None or record.manifest is None:
        return
    yield from _check_config_file(record)
    if in_order(said := record.manifest.bench_version) > in_order(BENCH_VERSION):
        yield Discrepancy(MANIFEST, f"bench_version: {said} is later than {BENCH_VERSION}, which is here; upgrade to check it")
    try:
        method = method_of(record.config)
        yield from compare(MANIFEST, "supervision", record.manifest.supervision, method.supervision, "the method has")
        yield from compare(MANIFEST, "control", record.manifest.control, method.control, "the method has")
    except NotAtHand as missing:
        record.notes.append(f"supervision was not held against the method: {missing}")
    if record.questions is not None:
        yield from _check_counts(record)
        yield from _check_decontamination(record)
        yield from _check_questions(record)


def _check_config_file(record: AuditedRecord) -> Iterator[Discrepancy]:
    """config.yaml, where there is one, has the settings of the manifest."""
    assert record.config is not None
    path = record.folder / CONFIG
    if not path.is_file():
        return
    try:
        said = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        yield Discrepancy(CONFIG, f"cannot be read ({error})")
        return
    if record.manifest is not None:
        with contextlib.suppress(ValidationError, TypeError):  # settings that came after the run have their defaults
            said = RunConfig(**said).model_dump(mode="json")
        yield from compare(CONFIG, "config", said, record.manifest.config.model_dump(mode="json"), "manifest.json has")


def _check_counts(record: AuditedRecord) -> Iterator[Discrepancy]:
    """As many questions as were asked for, less those that were measured on no longer because training has them."""
    assert record.config is not None
    assert record.manifest is not None
    assert record.questions is not None
    settings, removed = record.config.questions, record.manifest.decontamination
    if settings.measure_only:
        yield from compare(record.question_file, "training questions", len(record.questions["train"]), 0, "the settings give")
    elif settings.train is not None:
        yield from compare(
            record.question_file, "training questions", len(record.questions["train"]), settings.train, "the settings give"
        )
    if settings.test is not None:
        fewer = len({overlap.test for overlap in removed.removed}) if removed.side == "test" else 0
        counted = settings.test - fewer
        yield from compare(record.question_file, "test questions", len(record.questions["test"]), counted, "the settings give")


def _check_decontamination(record: AuditedRecord) -> Iterator[Discrepancy]:
    """The side is the configured one, and each passage that was shared is in the question that was left."""
    assert record.config is not None
    assert record.manifest is not None
    assert record.questions is not None
    said, settings = record.manifest.decontamination, record.config.questions
    side = "off" if settings.measure_only else settings.decontaminate
    yield from compare(MANIFEST, "decontamination.side", said.side, side, "the settings give")
    yield from compare(MANIFEST, "decontamination.rule", said.rule, RULE, "the rule is")
    if said.side == "off":
        if said.removed:
            yield Discrepancy(
                MANIFEST, f"decontamination.removed: has {counted(len(said.removed), 'question')}, though it was off"
            )
        return
    other = "test" if said.side == "train" else "train"
    left = {q.id: q.text for q in record.questions[other]}
    for number, overlap in enumerate(said.removed):
        text = left.get(getattr(overlap, other))
        if text is None:
            if other == "test":
                what = f"decontamination.removed.{number}: {overlap.test!r} is not a measured question"
                yield Discrepancy(MANIFEST, what)
            continue  # a training question beyond those that were used
        same = normalised(text) == normalised(overlap.passage)
        if not same and (overlap.kind == "exact" or f" {overlap.passage} " not in f" {' '.join(words(text))} "):
            what = f"decontamination.removed.{number}: the passage is not in the {other} question {getattr(overlap, other)!r}"
            yield Discrepancy(MANIFEST, what, overlap.passage, text, "the question is")


def _check_questions(record: AuditedRecord) -> Iterator[Discrepancy]:
    """The questions are the task's own, where it has them here.

    Other questions than the recorded ones are an edit where the task makes them itself, by the same versions; else a note: a
    file of one's own may have changed since.
    """
    assert record.config is not None
    assert record.manifest is not None
    assert record.questions is not None
    try:
        train, test, removed = questions_at_hand(record.config)
        task = task_of(record.config)
        generated = task.data == "generated"
    except NotAtHand as missing:
        record.notes.append(f"questions were not held against the task: {missing}")
        return
    found = [
        *compare(
            record.question_file, "question_set", record.questions["train"].fingerprint, train.fingerprint, "the task gives"
        ),
        *compare(record.question_file, "test_set", record.questions["test"].fingerprint, test.fingerprint, "the task gives"),
        *compare(MANIFEST, "decontamination", as_json(record.manifest.decontamination), as_json(removed), "the task gives"),
    ]
    if not found and generated and (files := record.manifest.question_files) is not None:
        # The fingerprints leave details out, such as hidden tests; a file's name follows from them too.
        for what, recorded, questions in (("train", files.train, train), ("test", files.test, test)):
            if len(questions):
                name = name_of(questions, task.record_details)
                found += compare(MANIFEST, f"question_files.{what}", recorded, name, "the task gives")
    if generated and not (others := _other_versions(record.manifest.versions)):
        yield from found
    elif found:
        if generated:
            yield from _other_answers(record, (*train, *test))
        why = f"{', '.join(others)} of another version" if generated else "the file has changed since"
        record.notes.append(f"the task gives other questions here than in the run, perhaps since {why}: {found[0]}")


def _other_answers(record: AuditedRecord, made: Iterable[Question]) -> Iterator[Discrepancy]:
    """Another version makes other questions; it does not give the same question another answer."""
    assert record.questions is not None
    answers = {question.text: question.answer for question in made}
    for name, questions in record.questions.items():
        others = [q for q in questions if answers.get(q.text, q.answer) != q.answer]
        if others:
            what = (
                f"{name}: {counted(len(others), 'gold answer is', 'gold answers are')} not the task's, such as {others[0].id!r}"
            )
            yield Discrepancy(record.question_file, what, others[0].answer, answers[others[0].text], "the task gives")


def _other_versions(recorded: dict[str, str | None]) -> list[str]:
    return [name for name in GENERATORS if recorded.get(name) not in (None, _version(name))]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
