"""One record in memory, as far as it can be read; what cannot be is a discrepancy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import NO_QUESTIONS, Question, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.compressed import COMPRESSED
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.records.packed_folder import JOURNAL, LINES, TRAINING, packed_folder, packed_twice
from sdzero_bench.records.packed_lines import phases_in, read_lines
from sdzero_bench.records.question_sets import FOLDER, OLD_FILE, read_questions
from sdzero_bench.records.record_files import (
    EVALUATION_FILE,
    KINDS,
    LEDGER,
    MANIFEST,
    RESULT,
    adapter,
    migrated,
    strict_json,
)
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.records.schema import Manifest, QuestionLine, RunResult, Use
from sdzero_bench.report.audit.expected_use import Expected
from sdzero_bench.report.audit.not_recorded import NotRecorded
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import validate


@dataclass
class AuditedRecord:
    """A finished run. What is None, or in `unreadable`, has its discrepancy already: no check need mention it again."""

    folder: Path
    manifest: Manifest | None = None
    config: RunConfig | None = None
    result: RunResult | None = None
    ledger: Use | None = None
    evaluation: list[PolicyEvaluation] | None = None
    questions: dict[str, QuestionSet] | None = None
    """As `measured_on` names them: "train"; "test", those that were measured on; "validation", of the learning curve, and
    "on-TASK". Reading details that the record does not keep raises `DetailsNotRecorded`."""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The journal's lines, by phase, with their texts."""
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """The same, as samples."""
    stored_texts: dict[str, list[int]] = field(default_factory=dict)
    """By phase, which samples have their own text in the journal; that of the others is made of their token ids."""
    logs: dict[str, list[dict[str, Any]]] | None = None
    """The lines of the training logs, by phase."""
    unreadable: set[str] = field(default_factory=set)
    expected: Expected | None = None
    """What its settings and its journal give, once the method has been gone through again."""
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and why."""

    def count(self) -> int:
        return sum(map(len, self.samples.values()))

    @property
    def question_file(self) -> str:
        """Where the questions are, for people."""
        return OLD_FILE if self.manifest is not None and self.manifest.question_files is None else FOLDER


def journal_file(phase: str) -> str:
    return f"journal/{phase}.jsonl"


def read_json(folder: Path, file: str) -> tuple[Any, Discrepancy | None]:
    """The content of a JSON file, or None with the discrepancy that says why not."""
    try:
        return strict_json(folder / file), None
    except FileNotFoundError:
        return None, Discrepancy(file, "is missing")
    except (ValueError, RecursionError) as error:
        return None, Discrepancy(file, f"is not JSON ({error})")
    except UserError as error:
        return None, Discrepancy(file, str(error))
    except OSError as error:
        return None, Discrepancy(file, f"cannot be read ({error.strerror})")


def check_schema(file: str, content: Any, kind: TypeAdapter[Any]) -> Iterator[Discrepancy]:
    """A discrepancy for each key of a file that is missing or is not of its type."""
    try:
        kind.validate_python(content)
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(map(str, problem["loc"])) or "the whole file"
            given = "" if problem["type"] == "missing" else f" (it is {str(problem['input'])[:60]!r})"
            message = problem["msg"][:1].lower() + problem["msg"][1:]
            yield Discrepancy(file, f"{where}: {message}{given}")


def load(folder: Path) -> tuple[AuditedRecord, list[Discrepancy]]:
    """The record, and what is wrong with its files one by one."""
    findings: list[Discrepancy] = []
    record = AuditedRecord(folder)
    contents: dict[str, Any] = {}
    for packed in sorted(folder.glob(f"**/*{COMPRESSED}")):
        if (plain := packed.with_suffix("")).exists():
            findings.append(
                Discrepancy(str(plain.relative_to(folder)), "exists both plain and compressed; remove one of the two")
            )
    for name in packed_twice(folder):
        findings.append(Discrepancy(name, f"exists both as a folder and as {packed_folder(Path(name))}; remove one of the two"))
    for file in KINDS:
        contents[file], problems = _typed(record, file)
        findings += problems
    record.manifest, record.result = contents[MANIFEST], contents[RESULT]
    record.ledger, record.evaluation = contents[LEDGER], contents[EVALUATION_FILE]
    findings += _read_questions(record)
    findings += _read_journals(record)
    findings += _read_logs(record)
    return record, findings


def _typed(record: AuditedRecord, file: str) -> tuple[Any, list[Discrepancy]]:
    content, problem = read_json(record.folder, file)
    if problem:
        return None, [problem]
    try:
        content = migrated(record.folder, file, content)
    except UserError as error:
        return None, [Discrepancy(file, str(error))]
    problems: list[Discrepancy] = []
    if file == MANIFEST and isinstance(content, dict) and isinstance(content.get("config"), dict):
        record.config, problems = _config(record, content["config"])
    schema = list(check_schema(file, content, adapter(file)))
    if problems and record.config is None:  # what is wrong with the settings is said already, in their own words
        return None, problems + [found for found in schema if not found.what.startswith("config.")]
    return (None if schema else adapter(file).validate_python(content)), problems + schema


def _config(record: AuditedRecord, settings: dict[str, Any]) -> tuple[RunConfig | None, list[Discrepancy]]:
    """The settings. Those of a method or task that is not at hand can be used all the same, unchecked, with a note."""
    problem: list[Discrepancy] = []
    try:
        return validate(settings), []
    except UserError as error:
        if absent := _not_at_hand(settings):
            record.notes.append(f"the options of method and task were not checked: {absent}")
        else:
            problem = [Discrepancy(MANIFEST, f"config: {error}")]
    except Exception as error:  # a plug-in's own, such as an import that fails
        record.notes.append(f"the options of method and task were not checked ({type(error).__name__}: {error})")
    try:
        return RunConfig(**settings), problem
    except (ValidationError, TypeError) as error:
        return None, problem or [Discrepancy(MANIFEST, f"config: {error}")]


def _not_at_hand(settings: dict[str, Any]) -> str | None:
    """Why the method or the task of these settings cannot be looked up here, such as a file that is elsewhere."""
    for find, section in ((registry.method, "method"), (registry.task, "task")):
        options = settings.get(section)
        name = options.get("name") if isinstance(options, dict) else None
        if isinstance(name, str):
            try:
                find(name)
            except UserError as error:
                return str(error)
    return None


def _read_questions(record: AuditedRecord) -> list[Discrepancy]:
    if record.manifest is None:
        return []
    try:
        found = read_questions(record.folder, record.manifest)
        trains_nothing = not found.train and record.config is not None and record.config.questions.measure_only
        train = NO_QUESTIONS if trains_nothing else QuestionSet("train", tuple(map(_question, found.train)))
        others = {use: QuestionSet(use, tuple(map(_question, lines))) for use, lines in found.others.items()}
        record.questions = {"train": train, "test": QuestionSet("test", tuple(map(_question, found.test))), **others}
    except (UserError, OSError) as error:
        return [Discrepancy(record.question_file, str(error))]
    return []


def _question(line: QuestionLine) -> Question:
    return Question(line.id, line.text, line.answer, NotRecorded() if line.details is None else dict(line.details))


def _read_logs(record: AuditedRecord) -> list[Discrepancy]:
    folder, file = record.folder / TRAINING, TRAINING
    try:
        logs = {}
        for phase in phases_in(folder):
            file = f"{TRAINING}/{phase}{LINES}"
            logs[phase] = list(read_lines(folder / f"{phase}{LINES}"))
        record.logs = logs
    except (UserError, OSError) as error:
        return [Discrepancy(file, str(error))]
    return []


def _read_journals(record: AuditedRecord) -> list[Discrepancy]:
    findings = []
    journal = RecordedJournal(record.folder)
    try:
        phases = journal.phases
    except (UserError, OSError) as error:
        record.unreadable.update((record.manifest and record.manifest.journal) or ())
        return [Discrepancy(JOURNAL, str(error))]
    for phase in phases:
        file, samples = journal_file(phase), []
        try:
            stored = list(journal.rows(phase))
            record.stored_texts[phase] = [number for number, row in enumerate(stored) if "text" in row]
            rows = list(journal.restored(stored))
            for row in rows:
                samples.append(Sample.from_row(row))
            record.rows[phase], record.samples[phase] = rows, samples
        except (UserError, OSError) as error:
            record.unreadable.add(phase)
            findings.append(Discrepancy(file, str(error)))
        except (KeyError, TypeError, ValueError) as error:
            record.unreadable.add(phase)
            findings.append(Discrepancy(file, f"sample {len(samples) + 1} is not one ({type(error).__name__}: {error})"))
    return findings
