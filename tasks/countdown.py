"""countdown: make a target from given numbers."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Split
from sdzero_bench.questions.question_files import FileRow, file_rows
from sdzero_bench.tasks.procedural.countdown_solver import solution
from sdzero_bench.tasks.procedural.scored_task import ReasoningGym, ReasoningGymOptions
from sdzero_bench.verifiers.code.literals import write_literal


class CountdownOptions(ReasoningGymOptions):
    path: str | None = None
    """File with the fields of Jiayi-Pan/Countdown-Tasks-3to4, `nums` and `target`: the first rows are the test questions, then
    come the validation and the training questions. null: generate the questions with reasoning-gym."""
    config: dict[str, object] = Field({"min_numbers": 3, "max_numbers": 4, "min_target": 10, "max_target": 99})
    """Options of reasoning-gym's generator; the default resembles the questions of TinyZero (Pan et al. 2025)."""


class Countdown(ReasoningGym):
    """Use each number exactly once, with + - * / and parentheses, to reach the target. Questions and scorer are reasoning-gym's
    (arXiv 2505.24760).

    The gold answer is one expression that reaches the target; any other that does is also correct.
    """

    name = "countdown"
    data_set = "countdown"
    summary = "reach a number from three or four others with + - * / (Countdown)"
    Options = CountdownOptions
    options: CountdownOptions

    def load(self, split: Split) -> QuestionSet:
        if self.options.path is None:
            return super().load(split)
        counts = {"test": self.options.test, "validation": self.options.validation, "train": self.options.train}
        before = sum(list(counts.values())[: list(counts).index(split)])
        rows = _different(file_rows(Path(self.options.path).expanduser()))
        if len(rows) < before + counts[split]:
            asked = " + ".join(f"task.{name}={count}" for name, count in counts.items())
            raise UserError(f"{self.options.path!r} has {len(rows)} different questions, fewer than {asked}; lower them")
        chosen = rows[before : before + counts[split]]
        return QuestionSet(f"{self.name}/{split}", tuple(_question(f"{split}-{i}", *row) for i, row in enumerate(chosen)))

    def demonstration(self, question: Question) -> str:
        return self.stated(question.answer)


def _different(rows: list[FileRow]) -> list[tuple[FileRow, list[int], int]]:
    """The rows without repeated questions, each with its numbers and target. Raises `UserError` for a row without them."""
    found: dict[tuple[int, ...], tuple[FileRow, list[int], int]] = {}
    for row in rows:
        numbers, target = row.value("nums"), row.value("target")
        if (
            not isinstance(numbers, list)
            or not _positive([*numbers, target])
            or not isinstance(target, int)
            or len(numbers) < 2
        ):
            raise UserError(f"{row.where}: nums must be a list of positive integers, and target a positive integer")
        found.setdefault((*sorted(numbers), target), (row, numbers, target))
    return list(found.values())


def _positive(values: list[object]) -> bool:
    return all(type(value) is int and value > 0 for value in values)


def _question(id: str, row: FileRow, numbers: list[int], target: int) -> Question:
    answer = solution(numbers, target)
    if answer is None:
        raise UserError(f"{row.where}: {target} cannot be reached from {numbers}")
    text = f"Find a way to make {target} using all of these numbers: {', '.join(map(str, numbers))}.\nUse each number once."
    return Question(id, text, answer, {"metadata": write_literal({"numbers": numbers, "target": target})})
