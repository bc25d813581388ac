"""Question sets of runs and records, each in one file that is named by what it holds.

A run keeps its own below question_sets/. Packed records that lie side by side share one such folder beside them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.records.compressed import COMPRESSED, stored
from sdzero_bench.records.ledger import measured_on
from sdzero_bench.records.packed_folder import LINES
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.schema import Manifest, QuestionLine, SplitQuestionLine

FOLDER = "question_sets"
OLD_FILE = "questions.jsonl"
"""Of format 1: both splits in one file."""

Line = TypeVar("Line", bound=QuestionLine)


@dataclass(frozen=True)
class RecordedQuestions:
    train: tuple[QuestionLine, ...]
    test: tuple[QuestionLine, ...]
    """Those that were measured on, of whichever split."""
    others: Mapping[str, tuple[QuestionLine, ...]] = field(default_factory=dict)
    """By what they are for: those of `QuestionFiles.others`."""

    @property
    def by_id(self) -> dict[str, QuestionLine]:
        """Of training and test."""
        return {line.id: line for line in (*self.train, *self.test)}

    def of(self, phase: str) -> dict[str, QuestionLine]:
        """Those that a phase asks, by id."""
        lines = self.others.get(measured_on(phase))
        return self.by_id if lines is None else {line.id: line for line in lines}


def lines_of(questions: QuestionSet, with_details: bool) -> list[dict[str, object]]:
    """JSON lines of a question set."""
    return [_line(question, with_details) for question in questions]


def _line(question: Question, with_details: bool) -> dict[str, object]:
    line: dict[str, object] = {"id": question.id, "text": question.text, "answer": question.answer}
    return {**line, "details": question.details} if with_details else line


def file_name(fingerprint: str, lines: Sequence[dict[str, object]]) -> str:
    """The fingerprint, and 8 hex digits of all that the file holds: details are not part of a fingerprint."""
    content = json.dumps(lines, sort_keys=True, ensure_ascii=True)
    return f"{fingerprint}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def name_of(questions: QuestionSet, with_details: bool) -> str:
    """The name of the file that has a question set."""
    return file_name(questions.fingerprint, lines_of(questions, with_details))


def find_question_set(record: Path, name: str) -> Path:
    """The path of a question set's file, without .xz, in the record or in a folder above it: its name tells it from any other.

    Raises `UserError` if there is none.
    """
    here = record.resolve()
    for place in (here, *here.parents):
        path = place / FOLDER / f"{name}.jsonl"
        if stored(path):
            return path
    raise UserError(
        f"a question set of {str(record)!r} is missing: {FOLDER}/{name}{LINES} or {name}{LINES}{COMPRESSED}, in the record or "
        f"beside it"
    )


def read_questions(record: Path, manifest: Manifest) -> RecordedQuestions:
    """What a run was trained and measured on; the latter may be missing while it is not finished.

    Raises `UserError` for other files that are missing, or damaged.
    """
    if manifest.question_files is None:
        old = _checked(record / OLD_FILE, SplitQuestionLine)
        train_lines, test_lines = (tuple(line for line in old if line.split == split) for split in ("train", "test"))
        return RecordedQuestions(train_lines, test_lines)
    names = manifest.question_files
    train = _checked(find_question_set(record, names.train), QuestionLine) if names.train else []
    test = _measured_on(record, names.test, manifest)
    others = {use: _measured_on(record, file, manifest) for use, file in names.others.items()}
    return RecordedQuestions(tuple(train), test, others)


def _measured_on(record: Path, name: str, manifest: Manifest) -> tuple[QuestionLine, ...]:
    try:
        path = find_question_set(record, name)
    except UserError:
        if manifest.state == "finished":
            raise
        return ()  # written once training is over
    return tuple(_checked(path, QuestionLine))


def _checked(path: Path, kind: type[Line]) -> list[Line]:
    return list(checked_lines(path, read_lines(path), kind))


def checked_lines(path: Path, rows: Iterable[object], kind: type[Line]) -> Iterable[Line]:
    adapter = TypeAdapter(kind)
    for number, row in enumerate(rows, start=1):
        try:
            yield adapter.validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(f"{str(path)!r}: question {number}: {where}: {first['msg'].lower()}") from error
