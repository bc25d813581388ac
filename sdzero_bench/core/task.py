"""What a task has to say: its questions, how they are asked, and when a response is right."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.verdict import Verdict

Split = Literal["train", "validation", "test"]
Messages = list[dict[str, str]]


class ProgramRunner(Protocol):
    """Where programs that a model wrote are run; `sdzero_bench.verifiers.sandbox` has the one there is."""

    @property
    def name(self) -> str:
        """The tier in force, for people."""

    def as_dict(self) -> dict[str, Any]:
        """The same for the record of a run."""


class TaskOptions(BaseModel):
    """Options of a task, set with `--set task.KEY=VALUE`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(ABC):
    """A family of questions with a verifier.

    `verify` runs in a worker process that may be killed, with a pickled copy of the task, so it has to depend on the task and
    its arguments alone. A task module must import in a moment: no torch, no transformers at its top.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    verifier: ClassVar[str]
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    needs_sandbox: ClassVar[bool] = False
    """Whether `verify` runs what the model wrote. `sandbox` is set before the first sample then."""
    record_details: ClassVar[bool] = False
    """Whether a run's record carries the questions' details: where the verifier needs them and they are small."""

    harness: ClassVar[str | None] = None
    """Name and version of the harness whose questions, prompts and rules these are, such as "lm-eval 0.4.13"."""

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()
        self.sandbox: ProgramRunner | None = None

    @abstractmethod
    def load(self, split: Split) -> QuestionSet:
        """The questions of a split, always in the same order.

        Raises `UserError` if they cannot be had; where the task has no such split at all, the kind of it called `NoSuchSplit`.
        """

    @abstractmethod
    def prompt(self, question: Question) -> Messages:
        """The chat that asks the question, up to the assistant's turn."""

    @abstractmethod
    def verify(self, question: Question, response: str) -> Verdict:
        """Whether the response is right. Exceptions and time-outs are caught, and counted, by the caller."""

    def time_limit(self, question: Question) -> float | None:
        """Seconds after which verifying one response is given up and counted as failed; None: as the run is configured."""
        return None

    def left_out(self, questions: QuestionSet) -> int:
        """How many tests the data has of these questions that `verify` does not make: said before a run, and in its record."""
        return 0

    def verdict_key(self, question: Question, response: str) -> str | None:
        """A digest of all that decides the verdict: program, tests, limits, sandbox. Where it is equal, verdicts are shared,
        over the runs of a sweep too. None: this response is verified on its own.
        """
        return None

    def demonstration(self, question: Question) -> str | None:
        """A gold solution, where the task has one."""
        return None

    def stated(self, answer: str) -> str:
        """A response that gives this answer and nothing else."""
        return f"\\boxed{{{answer}}}"
