"""Tasks whose gold answers are of one kind (verifiers/answer_kinds)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.dynamic_task import DynamicTask
from sdzero_bench.questions.question_files import FileRow
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer
from sdzero_bench.verifiers.answer_kinds.choice_answer import with_options
from sdzero_bench.verifiers.math_answer import prepare


class AnswerTask(DynamicTask):
    """A subclass says of which kind its answers are. Details of a question: `solution`, `options` and `example`, where it has
    them.
    """

    @cached_property
    def kind(self) -> AnswerKind:
        """The kind of the gold answers."""
        raise NotImplementedError

    @property
    def record_details(self) -> bool:  # type: ignore[override]
        """Those that responses are verified by, to verify them again."""
        return self.kind.uses_details

    @property
    def verifier(self) -> str:  # type: ignore[override]
        """What a response is judged by, for people."""
        return self.kind.described

    def gold(self, question: Question) -> GoldAnswer:
        """What responses to the question are compared with."""
        if not self.record_details:
            return GoldAnswer(question.answer)
        details = question.details
        return GoldAnswer(question.answer, tuple(details.get("options", ())), details.get("example"))

    def verify(self, question: Question, response: str) -> Verdict:
        return self.kind.check(response, self.gold(question))

    def prepare_worker(self) -> None:
        prepare()

    def unreadable(self, questions: Iterable[Question]) -> dict[str, str]:
        reasons = {question.id: self.kind.problem(self.gold(question)) for question in questions}
        return {id: reason for id, reason in reasons.items() if reason is not None}

    def stated(self, answer: str) -> str:
        return self.kind.state(answer)

    def right_response(self, question: Question) -> str | None:
        if self.kind.problem(self.gold(question)) is not None:
            return self.stated(question.answer)  # which earns nothing, so that checks name the question
        answer = self.kind.right_answer(self.gold(question))
        return None if answer is None else self.stated(answer)

    def wrong_responses(self, question: Question) -> list[str]:
        if self.kind.problem(self.gold(question)) is not None:
            return []
        return [self.stated(answer) for answer in self.kind.tampered(self.gold(question))]

    def demonstration(self, question: Question) -> str | None:
        solution = question.details.get("solution")
        return None if solution is None else self.kind.worked(str(solution), self.gold(question))


def row_details(kind: AnswerKind, row: FileRow, options: str | tuple[str, ...]) -> dict[str, Any]:
    """What the kind needs of a row besides its answer."""
    details: dict[str, Any] = {"options": list(row_options(row, options))} if kind.shows_options else {}
    if kind.has_example and row.value("example") is not None:
        details["example"] = row.text("example")
    return details


def row_options(row: FileRow, fields: str | tuple[str, ...]) -> tuple[str, ...]:
    """The options of a row: a list in a field, an object with a list `text` as in ARC, an object by letter, or several fields.

    Anything else gives none, which makes the gold answer unreadable.
    """
    value: Any = row.value(fields) if isinstance(fields, str) else [row.value(field) for field in fields]
    if isinstance(value, dict):
        value = value["text"] if "text" in value else [value[key] for key in sorted(value)]
    if not isinstance(value, list) or not all(isinstance(option, str | int | float) for option in value):
        return ()
    return tuple(str(option).strip() for option in value)


def asked_text(kind: AnswerKind, row: FileRow, question: str, options: str | tuple[str, ...]) -> str:
    """The text of a row's question, with its options. Raises `UserError` if there is none."""
    text = row.text(question).strip()
    return with_options(text, row_options(row, options)) if kind.shows_options else text
