"""A user's own questions with answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.dynamic_task import DynamicTask
from sdzero_bench.questions.question_files import FileRow
from sdzero_bench.questions.task_file import ASK
from sdzero_bench.questions.yaml_task import worked_solution
from sdzero_bench.tasks.own.files import Shares, chosen, file_task
from sdzero_bench.verifiers.math_answer import check_math, prepare, unreadable_golds


class AnswerFileOptions(Shares):
    question: str = "question"
    """Field with the question."""
    answer: str = "answer"
    """Field with the gold answer: a number, or LaTeX."""
    solution: str = "solution"
    """Optional field with a worked solution; methods that learn from gold solutions need it."""
    id: str = "id"
    """Optional field with an id of the question, present in all rows or in none."""
    prompt: str = ASK
    """The user turn; {question} is replaced by the question."""


class AnswerFile(DynamicTask):
    """Rows with `question` and `answer`, and optionally `solution`, `id` and `split` (train, validation or test)."""

    path: ClassVar[str]
    source = "a file of your own"
    verifier = "the last boxed expression, compared as mathematics"
    Options = AnswerFileOptions
    options: AnswerFileOptions

    @property
    def data(self) -> Literal["file"]:
        return "file"

    def load(self, split: Split) -> QuestionSet:
        if "{question}" not in self.options.prompt:
            raise UserError("task.prompt must contain {question}")
        rows = chosen(self.path, self.options.question, self.options.id, self.options, split)
        return QuestionSet(f"{self.name}/{split}", tuple(self._question(f"{split}-{i}", row) for i, row in enumerate(rows)))

    def _question(self, number: str, row: FileRow) -> Question:
        options = self.options
        id = number if row.value(options.id) is None else row.text(options.id).strip()
        details = {} if row.value(options.solution) is None else {"solution": row.text(options.solution).strip()}
        return Question(id, row.text(options.question).strip(), row.text(options.answer).strip(), details)

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": self.options.prompt.replace("{question}", question.text)}]

    def verify(self, question: Question, response: str) -> Verdict:
        return check_math(response, question.answer)

    def prepare_worker(self) -> None:
        prepare()

    def unreadable(self, questions: Iterable[Question]) -> dict[str, str]:
        return unreadable_golds(questions)

    def demonstration(self, question: Question) -> str | None:
        return worked_solution(question)


def answer_file(path: str) -> type[Task]:
    """The class of the task for the file or folder at `path`."""
    return file_task(AnswerFile, answer_file, path)
