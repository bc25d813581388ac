"""file:PATH, a user's own questions: with answers that are numbers or LaTeX, or with tests that programs must pass."""

from __future__ import annotations

from functools import cache

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.question_files import FileRow, file_rows
from sdzero_bench.tasks.own.files import files_of


class QuestionFileFamily(TaskFamily):
    """One object per line: `question` and `answer`, as in {"question": "2 + 3?", "answer": "5"}, or `prompt` and `tests`.

    `task.kind` says how answers are compared: math (the default), number, text, choice, set, json or regex. Of a single file,
    20 % of the questions are test questions and 10 % validation questions, unless a field `split` says otherwise. The page
    "Your own questions" has examples of every kind.
    """

    name = "file"
    form = "file:PATH"
    summary = "a file of your own: question and answer, or prompt and tests; `tasks check` checks it"
    source = "JSON Lines, JSON or Parquet"

    @staticmethod
    def task(rest: str) -> type[Task]:
        return _task(rest)


@cache
def _task(path: str) -> type[Task]:
    if not path:
        raise UserError("file: is followed by a path, such as --task file:questions.jsonl")
    first = _first(path)
    if "tests" in first.values:
        from sdzero_bench.tasks.own.program_files import program_file

        return program_file(path)
    if {"prompt", "tests"} & first.values.keys() and "answer" not in first.values:
        raise UserError(f"{first.where}: there is a prompt, but no tests; rows need question and answer, or prompt and tests")
    from sdzero_bench.tasks.own.answer_files import answer_file

    return answer_file(path)


def _first(path: str) -> FileRow:
    """The first row, from which the kind of questions is inferred."""
    return file_rows(next(iter(files_of(path).values())))[0]
