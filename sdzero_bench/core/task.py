"""The interface of a task: its questions, how they are asked, and when a response is right."""

from __future__ import annotations

import functools
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, Protocol, get_args

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.near_misses import meant
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import Options
from sdzero_bench.core.verdict import Verdict

Split = Literal["train", "validation", "test"]
Messages = list[dict[str, str]]


class ProgramRunner(Protocol):
    """Runs programs written by a model; implemented by `sdzero_bench.verifiers.sandbox.Sandbox`."""

    @property
    def name(self) -> str:
        """The tier in use, for people."""

    def as_dict(self) -> dict[str, object]:
        """The same, for the record of a run."""


class TaskOptions(Options):
    """Options of a task, set with `--set task.KEY=VALUE`."""


class Task(ABC):
    """A family of questions with a verifier.

    `verify` runs on a pickled copy of the task, in a worker process that may be killed, so it must depend on the task and its
    arguments alone. A task module must import quickly: no torch or transformers at module level.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    verifier: ClassVar[str]
    license: ClassVar[str] = "see the data set's card"
    """Of the data, not of this project's code."""
    Options: ClassVar[type[TaskOptions]] = TaskOptions
    needs_sandbox: ClassVar[bool] = False
    """Whether `verify` runs programs that the model wrote. If so, `sandbox` is set before the first sample is drawn."""
    record_details: ClassVar[bool] = False
    """Whether a run's record includes the questions' details: True if the verifier needs them and they are small."""

    harness: ClassVar[str | None] = None
    """Name and version of the harness that questions, prompts and rules come from, such as "lm-eval 0.4.13"."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "load" in vars(cls) and callable(cls.load):
            cls.load = _checked(cls.load)  # type: ignore[method-assign]

    def __init__(self, options: TaskOptions | None = None) -> None:
        self.options: Any = options if options is not None else self.Options()
        self.sandbox: ProgramRunner | None = None

    @abstractmethod
    def load(self, split: Split) -> QuestionSet:
        """The questions of a split, always in the same order.

        Raises `UserError` if they are not available, and its subclass `NoSuchSplit` if the task does not have that split.
        """

    @abstractmethod
    def prompt(self, question: Question) -> Messages:
        """The chat messages that ask the question, up to the assistant's turn."""

    @abstractmethod
    def verify(self, question: Question, response: str) -> Verdict:
        """Whether the response is right. The caller catches and counts exceptions and timeouts."""

    def fresh(self, count: int) -> QuestionSet | None:
        """`count` questions like those of `load`, drawn with another seed, none of which is a test question; None: the task has
        a fixed set of questions.

        `sdzero-bench probe` compares them with the test questions, which a model may have been trained on.
        """
        return None

    @property
    def data(self) -> Literal["generated", "file", "download"]:
        """Where the questions come from: made by the task itself, so that they are the same everywhere; a user's file; or
        something that may have to be downloaded first.
        """
        return "download" if getattr(self.options, "path", None) is None else "file"

    def time_limit(self, question: Question) -> float | None:
        """Seconds by the clock after which verifying one response is aborted and counted as failed; None: the limit is
        `verifying.timeout_seconds` of CPU time, and a response that exceeds it is wrong.
        """
        return None

    def prepare_worker(self) -> None:
        """Import what `verify` needs. Called once in each worker process, before its first response and outside of limits."""
        return

    def unreadable(self, questions: Iterable[Question]) -> dict[str, str]:
        """Questions whose gold answer cannot be compared with responses: id to reason. A run with such questions is refused."""
        return {}

    def left_out(self, questions: QuestionSet) -> int:
        """How many of the data set's tests of these questions `verify` leaves out; reported before a run, and in its record."""
        return 0

    def verdict_key(self, question: Question, response: str) -> str | None:
        """A digest of everything that determines the verdict: program, tests, limits, sandbox. Responses with equal keys share
        a verdict, across the runs of a sweep too. None: this response is verified on its own.
        """
        return None

    def demonstration(self, question: Question) -> str | None:
        """A gold solution, if available."""
        return None

    def stated(self, answer: str) -> str:
        """A response that states this answer and nothing else, in the form that `prompt` asks for."""
        return f"\\boxed{{{answer}}}"

    def right_response(self, question: Question) -> str | None:
        """A response that states the gold answer; None if there is none to state."""
        return self.stated(question.answer) if question.answer and not self.needs_sandbox else None

    def wrong_responses(self, question: Question) -> list[str]:
        """Responses with a tampered gold answer, for checks of the task; none: they are made from the text of the answer."""
        return []


def _checked(load: Callable[..., QuestionSet]) -> Callable[..., QuestionSet]:
    """Raises `NoSuchSplit` for names that no task has, so that each task need only know those of `Split`; and `UserError` for
    what is no set of questions.
    """

    @functools.wraps(load)
    def checked(self: Task, split: Split) -> QuestionSet:
        if split not in get_args(Split):
            near = f"; did you mean {found[0]!r}?" if (found := meant(str(split), get_args(Split))) else ""
            raise NoSuchSplit(f"there is no split {split!r}, only {', '.join(get_args(Split))}{near}")
        questions = load(self, split)
        if not isinstance(questions, QuestionSet):
            raise UserError(f"the task {self.name!r}: load has to return a QuestionSet, not {reprlib.repr(questions)}")
        return questions

    return checked
