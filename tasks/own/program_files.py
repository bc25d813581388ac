"""A user's own programming questions with tests."""

from __future__ import annotations

from typing import ClassVar, Literal

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.questions.dynamic_task import DynamicTask
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask, digest, fenced
from sdzero_bench.questions.question_files import FileRow
from sdzero_bench.tasks.own.files import Shares, chosen, file_task
from sdzero_bench.verifiers.sandbox.languages import LANGUAGES


class ProgramFileOptions(CodeOptions, Shares):
    language: str = "python"
    """Language of programs in rows without a field `language`."""


class ProgramFile(DynamicTask, CodeTask):
    """Rows with `prompt` and `tests`, and optionally `solution` (a program), `language`, `id` and `split`.

    `tests` has one of the forms in verifiers/code/test_forms.py. A list of strings is short for Python assert statements.
    """

    path: ClassVar[str]
    source = "a file of your own"
    Options = ProgramFileOptions
    options: ProgramFileOptions

    @property
    def data(self) -> Literal["file"]:
        return "file"

    def load(self, split: Split) -> QuestionSet:
        rows = chosen(self.path, lambda row: row.text("prompt"), "id", self.options, split)
        questions = tuple(self._question(f"{split}-{i}", row) for i, row in enumerate(rows))
        return self.checked(QuestionSet(f"{self.name}/{split}", questions))

    def _question(self, number: str, row: FileRow) -> Question:
        tests, language = row.value("tests"), row.value("language") or self.options.language
        if isinstance(tests, list):
            tests = {"form": "asserts", "tests": tests}
        if language not in LANGUAGES:
            raise UserError(f"{row.where}: {unknown('language', str(language), LANGUAGES)}")
        details = {"tests": tests, "language": language}
        # Without a solution, a digest of the tests is the answer: a set with other tests is another question set.
        solved = row.value("solution") is not None
        answer = row.text("solution").strip("\n") if solved else digest(details)
        id = number if row.value("id") is None else row.text("id").strip()
        return Question(id, row.text("prompt").strip(), answer, {**details, "solved": solved})

    def prompt(self, question: Question) -> Messages:
        return [
            {"role": "user", "content": f"{question.text}\n\nPut the program into one ```{self.language_of(question)} block."}
        ]

    def demonstration(self, question: Question) -> str | None:
        return fenced(question.answer, self.language_of(question)) if question.details["solved"] else None


def program_file(path: str) -> type[Task]:
    """The class of the task for the file or folder at `path`."""
    return file_task(ProgramFile, program_file, path)
