"""The task as its probe verifies it: continuations of questions, and responses that go on with a question of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.harness.harness_task import cut
from sdzero_bench.runs.probe.partial_prompts import PartialPrompt, continuation

REST, STOPS = "probe_rest", "probe_stops"
"""Details of a question: the rest that its continuation is held against; where a response is cut."""


def to_be_continued(partial: PartialPrompt) -> Question:
    """The shown part as a question whose answer is the rest."""
    return Question(partial.question.id, partial.shown, partial.rest, {REST: True})


def stopped_at(question: Question, stops: Sequence[str]) -> Question:
    """The question, whose responses end at the first of these texts: a prompt in plain text has no end of turn."""
    return replace(question, details={**question.details, STOPS: list(stops)})


class ProbedTask(Task):
    """Verifies as the task does, but for what a prompt without a chat template requires."""

    name = "probe"
    summary = source = verifier = "those of the probed task"

    def __init__(self, task: Task) -> None:
        super().__init__(task.options)
        self.task, self.sandbox = task, task.sandbox

    def __reduce__(self) -> tuple[object, ...]:
        return ProbedTask, (self.task,)  # the class of the options may exist in this process alone

    def load(self, split: Split) -> QuestionSet:
        return self.task.load(split)

    def prompt(self, question: Question) -> Messages:
        return self.task.prompt(question)

    def verify(self, question: Question, response: str) -> Verdict:
        """Of a partial question: reward 1 for the rest, word for word."""
        if REST in question.details:
            partial = PartialPrompt(question, question.text, question.answer)
            return Verdict(float(continuation(partial, response).exact))
        return self.task.verify(question, _until_stop(question, response))

    def time_limit(self, question: Question) -> float | None:
        return None if REST in question.details else self.task.time_limit(question)

    def prepare_worker(self) -> None:
        self.task.prepare_worker()

    def verdict_key(self, question: Question, response: str) -> str | None:
        return None if REST in question.details else self.task.verdict_key(question, _until_stop(question, response))

    def stated(self, answer: str) -> str:
        return self.task.stated(answer)


def _until_stop(question: Question, response: str) -> str:
    return cut(response, question.details.get(STOPS, []))
