"""A user's own questions with answers."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.questions.answer_task import AnswerTask, asked_text, row_details
from sdzero_bench.questions.question_files import FileRow
from sdzero_bench.questions.task_file import asking
from sdzero_bench.questions.yaml_task import gold_value
from sdzero_bench.tasks.own.files import Shares, chosen, file_task
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind
from sdzero_bench.verifiers.answer_kinds.kind_registry import answer_kind


class AnswerFileOptions(Shares):
    kind: str | dict[str, Any] | None = None
    """How answers are compared: math (the default), number, text, choice, set, json or regex; with options of the kind, such as
    {kind: number, relative: 0.01}."""
    question: str = "question"
    """Field with the question."""
    answer: str = "answer"
    """Field with the gold answer."""
    options: str = "options"
    """Field with the options of a multiple-choice question, a list."""
    solution: str = "solution"
    """Optional field with a worked solution; methods that learn from gold solutions need it."""
    id: str = "id"
    """Optional field with an id of the question, present in all rows or in none."""
    prompt: str
    """The user turn; {question} is replaced by the question. Default: the question, and what the kind asks for."""

    @model_validator(mode="before")
    @classmethod
    def _asking(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("prompt") is not None:
            return given
        return {**given, "prompt": asking(answer_kind(given.get("kind") or "math"))}


class AnswerFile(AnswerTask):
    """Rows with `question` and `answer`, and optionally `options`, `solution`, `id` and `split` (train, validation or test)."""

    path: ClassVar[str]
    source = "a file of your own"
    Options = AnswerFileOptions
    options: AnswerFileOptions

    @property
    def data(self) -> Literal["file"]:
        return "file"

    @cached_property
    def kind(self) -> AnswerKind:
        return answer_kind(self.options.kind or "math")

    def load(self, split: Split) -> QuestionSet:
        if "{question}" not in self.options.prompt:
            raise UserError("task.prompt must contain {question}")
        rows = chosen(self.path, self._text, self.options.id, self.options, split)
        return QuestionSet(f"{self.name}/{split}", tuple(self._question(f"{split}-{i}", row) for i, row in enumerate(rows)))

    def _text(self, row: FileRow) -> str:
        options = self.options
        if options.kind is None and isinstance(row.value(options.options), list):
            raise UserError(
                f"{row.where}: the question has {options.options!r}, but answers are compared as mathematics; add --set "
                f"task.kind=choice, or --set task.kind=math if that is meant"
            )
        return asked_text(self.kind, row, options.question, options.options)

    def _question(self, number: str, row: FileRow) -> Question:
        options = self.options
        id = number if row.value(options.id) is None else row.text(options.id).strip()
        details = row_details(self.kind, row, options.options)
        if row.value(options.solution) is not None:
            details["solution"] = row.text(options.solution).strip()
        return Question(id, self._text(row), gold_value(row, options.answer, self.kind).strip(), details)

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": self.options.prompt.replace("{question}", question.text)}]


def answer_file(path: str) -> type[Task]:
    """The class of the task for the file or folder at `path`."""
    return file_task(AnswerFile, answer_file, path)
