"""The task that a YAML file describes (task_file.py): rows become questions, and splits never overlap."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, create_model

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import Question, QuestionSet, normalised
from sdzero_bench.core.task import Messages, Split, Task, TaskOptions
from sdzero_bench.core.text import counted
from sdzero_bench.questions.answer_task import AnswerTask, asked_text, row_details
from sdzero_bench.questions.question_files import FileRow, file_in, file_rows, hub_rows
from sdzero_bench.questions.task_file import Gold, TaskFile, read_task_file
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer
from sdzero_bench.verifiers.math_answer import final_answer


class DataTask(AnswerTask):
    """Questions with gold answers, from the Hub or from a local copy with the same fields.

    Options: `path`, a file, or a folder with one file per split of the data set, named after the split; `revision` of the data
    set on the Hub; `validation`, `test` and `train`, if the task file holds questions out; `solutions`, if it names several
    fields; `unreadable=drop`, which leaves out rows whose gold answer cannot be read.
    """

    file: ClassVar[TaskFile]

    @cached_property
    def kind(self) -> AnswerKind:
        return self.file.kind

    def load(self, split: Split) -> QuestionSet:
        file = self.file
        if split not in file.splits:
            raise NoSuchSplit(_no_such_split(file, split))
        from_train = split not in file.hub.splits or split == "train"
        rows = self._rows("train" if from_train else split)
        rows = [row for row in rows if all(row.value(key) in values for key, values in file.keep.items())]
        if self.options.unreadable == "drop":
            rows = [row for row in rows if self._problem(row) is None]
        if file.duplicates == "drop":
            rows = without_repeats(rows, self._text)
        if from_train:
            if file.held_out.order == "hash":
                rows = sorted(rows, key=lambda row: digest(self._text(row)))
            rows = self._held_out(rows)[split]
        return QuestionSet(f"{self.name}/{split}", tuple(self._question(split, i, row) for i, row in enumerate(rows)))

    def _text(self, row: FileRow) -> str:
        return asked_text(self.kind, row, self.file.fields.question, self.file.fields.options)

    def _problem(self, row: FileRow) -> str | None:
        gold, details = gold_answer(row, self.file.fields.answer, self.file.answer, self.kind)[0], self._details(row)
        return self.kind.problem(GoldAnswer(gold, tuple(details.get("options", ())), details.get("example")))

    def _details(self, row: FileRow) -> dict[str, Any]:
        return row_details(self.kind, row, self.file.fields.options)

    def _rows(self, split: Split) -> list[FileRow]:
        hub, fields = self.file.hub, self.file.fields
        theirs, long = hub.splits[split], set(fields.solutions) - {fields.answer}
        if self.options.path is None:
            needed = [fields.question, fields.answer, *filter(None, (fields.id, fields.correct)), *self.file.keep]
            if self.kind.shows_options:
                needed += [fields.options] if isinstance(fields.options, str) else fields.options
            return hub_rows(hub.name, hub.config, self.options.revision, theirs, needed, long)
        path = Path(self.options.path).expanduser()
        if not path.is_file():
            return file_rows(file_in(path, theirs, split), long)
        if len(hub.splits) > 1:
            raise UserError(
                f"task.path={self.options.path} is a single file, but {self.name} needs one each for "
                f"{', '.join(hub.splits.values())}; give the folder that holds them"
            )
        return file_rows(path, long)

    def _held_out(self, rows: list[FileRow]) -> dict[Split, list[FileRow]]:
        options = self.options.model_dump()
        held: dict[Split, int] = {s: options[s] for s in ("validation", "test") if getattr(self.file.held_out, s)}
        left = len(rows) - sum(held.values())
        if left <= 0:
            asked = " and ".join(f"task.{split}={count}" for split, count in held.items())
            raise UserError(
                f"{counted(len(rows), 'question')} would leave none to train on after {asked or 'nothing'}; lower it"
            )
        splits: dict[Split, list[FileRow]] = {"train": rows[:left][: options.get("train")]}
        for split, count in held.items():
            splits[split], left = rows[left : left + count], left + count
        return splits

    def _question(self, split: Split, number: int, row: FileRow) -> Question:
        fields = self.file.fields
        gold, before = gold_answer(row, fields.answer, self.file.answer, self.kind)
        name = getattr(self.options, "solutions", fields.solutions[0]) if fields.solutions else None
        solution = before if name == fields.answer else _solution(row, name, fields.correct) if name else None
        details = self._details(row) | ({} if solution is None else {"solution": solution})
        id = f"{split}-{number}" if fields.id is None else row.text(fields.id).strip()
        return Question(id, self._text(row), gold, details)

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": self.file.user_turn.replace("{question}", question.text)}]


def task_class(path: Path | str) -> type[Task]:
    """The task that a YAML file describes. Raises `UserError` as `read_task_file` does."""
    file = read_task_file(Path(path))
    held, several = file.held_out, len(file.fields.solutions) > 1
    place = "A file, or a folder with one file per split, named after the split; null: download the data set from the Hub."
    options: dict[str, Any] = {
        "path": (str | None, Field(None, description=place)),
        "revision": (str | None, Field(file.hub.revision, description="Commit, branch or tag of the data set on the Hub.")),
    }
    options |= {s: (int, Field(getattr(held, s), gt=0)) for s in ("train", "validation", "test") if getattr(held, s)}
    unreadable = "What to do with rows that have no readable gold answer: refuse the data set, or drop them and say how many."
    options |= {"unreadable": (Literal["refuse", "drop"], Field("refuse", description=unreadable))}
    solutions = "Field of the worked solutions that methods with references read."
    if several:
        options |= {"solutions": (Literal[file.fields.solutions], Field(file.fields.solutions[0], description=solutions))}
    return type(
        f"DataTask[{file.name}]",
        (DataTask,),
        {
            "__doc__": f"{file.paper}. License of the data: {file.license}.",
            "__module__": str(path),
            "name": file.name,
            "factory": staticmethod(task_class),
            "made_from": str(path),
            "summary": file.summary,
            "source": f"hub: {file.hub.name}",
            "license": file.license,
            "file": file,
            "Options": create_model(f"Options[{file.name}]", __base__=TaskOptions, **options),
        },
    )


def gold_answer(row: FileRow, field: str, rule: Gold, kind: AnswerKind) -> tuple[str, str | None]:
    """The gold answer of a row, and the text before it in its field. Raises `UserError` if there is no answer."""
    gold, before = gold_value(row, field, kind), None
    if rule.after is not None:
        before, mark, gold = gold.rpartition(rule.after)
        if not mark or not gold.strip():
            raise UserError(f"{row.where}: no gold answer after {rule.after!r} in the field {field!r}")
    if rule.boxed:
        boxed = final_answer(gold) if "\\boxed" in gold else None
        if boxed is None:
            raise UserError(f"{row.where}: no gold answer in \\boxed{{}} in the field {field!r}")
        gold = boxed
    return gold.strip().translate({ord(sign): None for sign in rule.without}), before and before.strip()


def gold_value(row: FileRow, field: str, kind: AnswerKind) -> str:
    """The gold answer in a field, as text. Raises `UserError` if it is missing."""
    value = row.value(field)
    if kind.structured and isinstance(value, bool | list | dict):
        return kind.gold_text(value)
    row.text(field)  # which has to be there
    return kind.gold_text(value)


def without_repeats(rows: Iterable[FileRow], text: Callable[[FileRow], str]) -> list[FileRow]:
    """The first row of each question, up to case and white space."""
    first: dict[str, FileRow] = {}
    for row in rows:
        first.setdefault(normalised(text(row)), row)
    return list(first.values())


def digest(text: str) -> str:
    """SHA-256 of a text up to case and white space."""
    return hashlib.sha256(normalised(text).encode()).hexdigest()


def _solution(row: FileRow, field: str, correct: str | None) -> str | None:
    value = row.value(field)
    if isinstance(value, list):
        flags = row.value(correct) if correct else None
        known = flags if isinstance(flags, list) and flags else [True] * len(value)
        value = next((text for text, right in zip(value, known, strict=False) if right), None)
    return value.strip() or None if isinstance(value, str) else None


def _no_such_split(file: TaskFile, split: Split) -> str:
    has = ", ".join(file.splits)
    if split == "train":
        return (
            f"{file.name} has no training questions, only {has}; train on another task, or evaluate a policy on it with "
            f"`sdzero-bench eval MODEL --task {file.name}`"
        )
    return f"{file.name} has no {split} questions, only {has}; set evaluation.split={file.splits[-1]}"
