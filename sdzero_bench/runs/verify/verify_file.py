"""Verify a file of responses, in its order, in memory that does not depend on its length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from sdzero_bench.core.errors import NoSuchSplit, UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.runs.verify.given_task import GivenQuestions, TimedTask
from sdzero_bench.runs.verify.response_lines import GivenResponse, responses
from sdzero_bench.verifiers.equip import equip
from sdzero_bench.verifiers.pool import VerifierPool
from sdzero_bench.verifiers.sandbox import require_language

SPLITS: tuple[Split, ...] = ("test", "validation", "train")
_MOST = 512
"""Responses that are verified at a time, at most."""
_MOST_CHARACTERS = 16_000_000
_PLAIN = re.compile(r"[+-]?\d+(\.\d+)?")
_PROBE = "\\boxed{0.123456789}"
"""A response to which a verdict shows that the gold answer can be read."""


@dataclass
class ResponseFile:
    """A file of responses whose lines have all been read once.

    languages:
        Those of the programs in it; empty if there are none.
    """

    source: IO[bytes]
    name: str
    task: Task | None = None
    questions: dict[str, Question] = field(default_factory=dict)
    count: int = 0
    languages: set[str] = field(default_factory=set)

    @property
    def responses(self) -> Iterator[GivenResponse]:
        return responses(self.source, self.name, None if self.task is None else self._question)

    def _question(self, id: str, where: str) -> Question:
        if id not in self.questions:
            like = f"; its ids look like {next(iter(self.questions))!r}" if self.questions else ""
            raise UserError(f"{where}: the task has no question {id!r}{like}")
        return self.questions[id]


def read(source: IO[bytes], name: str, task: Task | None, split: Split | None) -> ResponseFile:
    """Read every line of the file, and find its questions if there is a task.

    split:
        The split with the questions; None: all of them, test first, as far as they are needed.

    Raises `UserError`, which names file and line, for a line that cannot be read or whose question is unknown.
    """
    if task is None:
        found = ResponseFile(source, name)
    else:
        wanted: set[str] = set()

        def note(id: str, where: str) -> Question:
            wanted.add(id)
            return Question(id, "", "")

        for _ in responses(source, name, note):
            pass
        found = ResponseFile(source, name, task, _questions(task, split, wanted))
    for given in found.responses:
        found.count += 1
        if task is None and "tests" in given.question.details:
            found.languages.add(given.question.details["language"])
    if not found.count:
        raise UserError(f"{name!r} has no responses")
    return found


def verifier(file: ResponseFile, settings: VerifyingConfig) -> Task:
    """The task that verifies the responses. Raises `UserError` if the sandbox or a compiler that it needs does not work."""
    if file.task is not None:
        return file.task
    task = GivenQuestions()
    if file.languages:
        equip(task, settings)
        for language in sorted(file.languages - {"python"}):
            assert task.sandbox is not None
            require_language(language, task.sandbox)
    return task


def verify(
    file: ResponseFile,
    task: Task,
    settings: VerifyingConfig,
    warn: Callable[[str], object],
    each: Callable[[GivenResponse, Verdict], None],
) -> None:
    """Pass every response with its verdict to `each`, in the order of the file.

    warn:
        Called before the first verdict if gold answers of the file cannot be read; their responses get no reward.
    """
    with VerifierPool(TimedTask(task), settings.workers, settings.timeout_seconds) as pool:
        if file.task is None and (unreadable := list(_unreadable(pool, file.responses))):
            warn(f"gold answers that cannot be read: {len(unreadable)}, such as {unreadable[0]}; their responses get no reward")
        for window in _windows(file.responses):
            left = iter(window)
            pairs = [(given.question, given.response) for given in window]
            pool.verify(pairs, lambda verdict, left=left: each(next(left), verdict))  # type: ignore[misc]


def _questions(task: Task, split: Split | None, wanted: set[str]) -> dict[str, Question]:
    found: dict[str, Question] = {}
    for name in SPLITS if split is None else (split,):
        if split is not None or not wanted <= found.keys():
            try:
                found = {question.id: question for question in task.load(name)} | found
            except NoSuchSplit:
                if split is not None:
                    raise
    return found


def _windows(given: Iterable[GivenResponse]) -> Iterator[list[GivenResponse]]:
    """Consecutive responses, as many as are verified at a time."""
    window: list[GivenResponse] = []
    characters = 0
    for response in given:
        window.append(response)
        characters += len(response.response)
        if len(window) == _MOST or characters > _MOST_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


def _gold_answers(given: Iterable[GivenResponse]) -> Iterator[GivenResponse]:
    """The first response with each gold answer, except plain numbers that are compared as mathematics."""
    seen: set[int] = set()
    for response in given:
        gold, of = response.question.answer, response.question.details
        if "tests" in of or ("kind" not in of and _PLAIN.fullmatch(gold)):
            continue
        if (key := hash((gold, repr(of)))) not in seen:
            seen.add(key)
            yield response


def _unreadable(pool: VerifierPool, given: Iterable[GivenResponse]) -> Iterator[str]:
    """The place of each gold answer that cannot be read, and why."""
    for window in _windows(_gold_answers(given)):
        verdicts = pool.verify([(response.question, _PROBE) for response in window])
        for response, verdict in zip(window, verdicts, strict=True):
            if verdict.status == "error" and verdict.detail.startswith("ValueError"):
                yield f"{response.where}: {verdict.detail.partition(': ')[2]}"
