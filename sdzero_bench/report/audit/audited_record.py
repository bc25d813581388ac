"""One record in memory, as far as it can be read; what cannot be is a finding."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import NO_QUESTIONS, Question, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.packing import phases_in, read_lines
from sdzero_bench.records.schema import FILES, QuestionLine, check_schema
from sdzero_bench.runs.config import validate

QUESTIONS = "questions.jsonl"


@dataclass
class AuditedRecord:
    """A finished run. What is None, or in `unreadable`, has its finding already: no check need mention it again."""

    folder: Path
    manifest: dict[str, Any] | None = None
    config: RunConfig | None = None
    result: dict[str, Any] | None = None
    ledger: dict[str, Any] | None = None
    evaluation: list[dict[str, Any]] | None = None
    questions: dict[str, QuestionSet] | None = None
    """By split, "train" and "test"; "test" are those that were measured on."""
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of the questions whose details are in the record, by id."""
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The journal's lines, by phase."""
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """The same, as samples."""
    unreadable: set[str] = field(default_factory=set)

    def count(self) -> int:
        return sum(map(len, self.samples.values()))


def journal_file(phase: str) -> str:
    return f"journal/{phase}.jsonl"


def read_json(folder: Path, file: str) -> tuple[Any, Discrepancy | None]:
    """The content of a JSON file, or None with the finding that says why not."""
    try:
        return json.loads((folder / file).read_text(encoding="utf-8")), None
    except FileNotFoundError:
        return None, Discrepancy(file, "is missing")
    except (ValueError, RecursionError) as error:
        return None, Discrepancy(file, f"is not JSON ({error})")
    except OSError as error:
        return None, Discrepancy(file, f"cannot be read ({error.strerror})")


def load(folder: Path) -> tuple[AuditedRecord, list[Discrepancy]]:
    """The record, and what is wrong with its files one by one."""
    findings: list[Discrepancy] = []
    record = AuditedRecord(folder)
    contents: dict[str, Any] = {}
    for file in FILES:
        content, problem = read_json(folder, file)
        problems = [problem] if problem else list(check_schema(file, content))
        findings += problems
        contents[file] = None if problems else content
    record.manifest, record.result = contents["manifest.json"], contents["result.json"]
    record.ledger, record.evaluation = contents["ledger.json"], contents["evaluation.json"]
    if record.manifest is not None:
        record.config, problems = _config(record.manifest["config"])
        findings += problems
    findings += _read_questions(record)
    findings += _read_journals(record)
    return record, findings


def _config(settings: dict[str, Any]) -> tuple[RunConfig | None, list[Discrepancy]]:
    """The settings; with a method or task that is not installed here, they are a finding and can be used all the same."""
    problem = []
    try:
        return validate(settings), []
    except UserError as error:
        problem = [Discrepancy("manifest.json", f"config: {error}")]
    except Exception as error:  # a plug-in's own, such as an import that fails
        problem = [Discrepancy("manifest.json", f"config: could not be checked ({type(error).__name__}: {error})")]
    try:
        return RunConfig(**settings), problem
    except (ValidationError, TypeError):
        return None, problem


def _read_questions(record: AuditedRecord) -> list[Discrepancy]:
    splits: dict[str, list[Question]] = {"train": [], "test": []}
    kind = TypeAdapter(QuestionLine)
    try:
        for number, row in enumerate(read_lines(record.folder / QUESTIONS), start=1):
            if problems := list(check_schema(QUESTIONS, row, kind)):
                return [Discrepancy(QUESTIONS, f"question {number}: {problem.what}") for problem in problems]
            if row["split"] == "train" and splits["test"]:
                return [Discrepancy(QUESTIONS, f"question {number}: a training question after those that were measured on")]
            splits[row["split"]].append(Question(row["id"], row["text"], row["answer"]))
            if isinstance(row.get("details"), dict):
                record.details[row["id"]] = row["details"]
        trains_nothing = not splits["train"] and record.config is not None and record.config.questions.measure_only
        train = NO_QUESTIONS if trains_nothing else QuestionSet("train", tuple(splits["train"]))
        record.questions = {"train": train, "test": QuestionSet("test", tuple(splits["test"]))}
    except UserError as error:
        return [Discrepancy(QUESTIONS, str(error))]
    return []


def _read_journals(record: AuditedRecord) -> list[Discrepancy]:
    findings = []
    for phase in phases_in(record.folder / "journal"):
        file, samples = journal_file(phase), []
        try:
            rows = list(read_lines(record.folder / file))
            for row in rows:
                samples.append(_sample(row))
            record.rows[phase], record.samples[phase] = rows, samples
        except UserError as error:
            record.unreadable.add(phase)
            findings.append(Discrepancy(file, str(error)))
        except (KeyError, TypeError, ValueError) as error:
            record.unreadable.add(phase)
            findings.append(Discrepancy(file, f"sample {len(samples) + 1} is none ({type(error).__name__}: {error})"))
    return findings


_TEXTS = ("phase", "question_id", "index", "policy", "text")


def _sample(row: dict[str, Any]) -> Sample:
    """A sample of the types that the checks count on. Pydantic would take ten times as long over a journal."""
    sample = Sample.from_dict(row)
    if wrong := next((name for name in _TEXTS if not isinstance(row[name], str)), None):
        raise TypeError(f"{wrong} is no text")
    if type(sample.prompt_tokens) is not int or not 0 <= sample.prompt_tokens < 2**53:
        raise TypeError("prompt_tokens is no count")
    if sample.finish not in ("stop", "length"):
        raise ValueError(f"finish is {sample.finish!r}")
    verdict = sample.verdict
    if verdict.status not in ("ok", "timeout", "error"):
        raise ValueError(f"the verdict's status is {verdict.status!r}")
    if verdict.status == "ok" and verdict.reward not in (0.0, 1.0):
        raise ValueError(f"the reward is {verdict.reward!r}, not 0 or 1")
    if verdict.status != "ok" and verdict.reward is not None:
        raise ValueError(f"the verifier failed, but the reward is {verdict.reward!r}")
    return sample
