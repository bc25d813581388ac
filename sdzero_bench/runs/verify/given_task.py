"""Tasks as verifiers of given responses."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from sdzero_bench.core.errors import NoSuchSplit
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.programs.code_task import CodeOptions, CodeTask
from sdzero_bench.verifiers.answer_kinds.answer_kind import GoldAnswer
from sdzero_bench.verifiers.answer_kinds.kind_registry import answer_kind
from sdzero_bench.verifiers.sandbox import Limits


class GivenQuestions(CodeTask):
    """Questions that come with their responses. Their details are `kind` and `options` of an answer that is not mathematics, or
    `tests`, `language` and `limits` of a program.

    Verdicts are those of the task file:PATH on the same answers and tests.
    """

    name = "given"
    summary = "questions that come with their responses"
    source = "a file of responses"
    verifier = "answers of all kinds, or tests in the sandbox"

    def load(self, split: Split) -> QuestionSet:
        raise NoSuchSplit("the questions come with their responses")

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": question.text}]

    def limits(self, question: Question) -> Limits:
        return CodeOptions.model_validate(question.details["limits"]).limits()

    def verify(self, question: Question, response: str) -> Verdict:
        if "tests" in question.details:
            return super().verify(question, response)
        kind, options = question.details.get("kind", "math"), tuple(question.details.get("options", ()))
        return answer_kind(kind).check(response, GoldAnswer(question.answer, options))

    def time_limit(self, question: Question) -> float | None:
        return super().time_limit(question) if "tests" in question.details else None

    def verdict_key(self, question: Question, response: str) -> str | None:
        return super().verdict_key(question, response) if "tests" in question.details else None


@dataclass(frozen=True)
class TimedVerdict(Verdict):
    """A verdict and how long it took."""

    seconds: float | None = None

    def as_dict(self) -> dict[str, object]:
        row = super().as_dict()
        del row["seconds"]
        return row


class TimedTask(Task):
    """Another task, as far as verifying goes; its verdicts are `TimedVerdict`s."""

    name = "timed"

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def load(self, split: Split) -> QuestionSet:
        return self.task.load(split)

    def prompt(self, question: Question) -> Messages:
        return self.task.prompt(question)

    def verify(self, question: Question, response: str) -> Verdict:
        start = time.perf_counter()
        verdict = self.task.verify(question, response)
        values = {field.name: getattr(verdict, field.name) for field in fields(Verdict)}
        return TimedVerdict(**values, seconds=time.perf_counter() - start)

    def time_limit(self, question: Question) -> float | None:
        return self.task.time_limit(question)

    def verdict_key(self, question: Question, response: str) -> str | None:
        return self.task.verdict_key(question, response)
