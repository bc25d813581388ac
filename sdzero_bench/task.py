"""What a task has to say: its questions, how they are asked, and when a response is right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from .questions import Question, QuestionSet
from .verifying.verdict import Verdict

Split = Literal["train", "validation", "test"]
Messages = list[dict[str, str]]


class TaskOptions(BaseModel):
    """Options of a task, set with `--set task.KEY=VALUE`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(ABC):
    """A family of questions with a verifier.

    `verify` runs in a worker process that may be killed, so it has to depend on its arguments alone. A task module must
    import in a moment: no torch, no transformers at its top.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    verifier: ClassVar[str]
    Options: ClassVar[type[TaskOptions]] = TaskOptions

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    @abstractmethod
    def load(self, split: Split) -> QuestionSet:
        """The questions of a split, always in the same order. Raises `UserError` if they cannot be had."""

    @abstractmethod
    def prompt(self, question: Question) -> Messages:
        """The chat that asks the question, up to the assistant's turn."""

    @abstractmethod
    def verify(self, question: Question, response: str) -> Verdict:
        """Whether the response is right. Exceptions and time-outs are caught, and counted, by the caller."""

    def demonstration(self, question: Question) -> str | None:
        """A gold solution, where the task has one."""
        return None
