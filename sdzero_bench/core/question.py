"""Questions, and ordered question sets identified by a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.text import counted


@dataclass(frozen=True)
class Question:
    """One question and its gold answer, as text. `details` holds whatever else the task needs to verify or demonstrate it."""

    id: str
    text: str
    answer: str
    details: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True)
class QuestionSet(Sequence[Question]):
    """Questions in a fixed order. Two runs are comparable only if their sets have the same fingerprint.

    Raises `UserError` if it is empty, if an id or a text occurs twice, or if one cannot be written as UTF-8.
    """

    name: str
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        if not self.questions:
            raise UserError(f"question set {self.name!r} is empty")
        for what, values in (("id", [q.id for q in self]), ("text", [q.text for q in self])):
            if len(set(values)) < len(values):
                twice = next(v for i, v in enumerate(values) if v in values[:i])
                raise UserError(f"question set {self.name!r} has the {what} {twice[:80]!r} more than once")
        for question in self:
            try:
                f"{question.id}{question.text}{question.answer}".encode()
            except UnicodeEncodeError as error:
                surrogate = error.object[error.start]
                raise UserError(
                    f"question {question.id!r}: {surrogate!r} is an unpaired surrogate, which is not valid text"
                ) from error

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Question]: ...
    def __getitem__(self, index: int | slice) -> Question | Sequence[Question]:
        return self.questions[index]

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over ids, texts and answers in order, as 16 hex digits."""
        rows = [[q.id, q.text, q.answer] for q in self.questions]
        return hashlib.sha256(json.dumps(rows, ensure_ascii=True).encode()).hexdigest()[:16]

    def head(self, count: int | None) -> QuestionSet:
        """The first `count` questions, or all for None. Raises `UserError` if there are fewer."""
        if count is not None and count > len(self):
            raise UserError(f"{counted(count, 'question')} requested from {self.name!r}, which has {len(self):,}")
        return QuestionSet(self.name, self.questions[:count])

    def split(self, share: float) -> tuple[QuestionSet, QuestionSet]:
        """The first `share` of the questions and the rest; no question is in both."""
        cut = round(len(self) * share)
        if not 0 < cut < len(self):
            raise UserError(f"cannot split the {len(self)} questions of {self.name!r} at a share of {share}")
        return (
            QuestionSet(f"{self.name}[:{cut}]", self.questions[:cut]),
            QuestionSet(f"{self.name}[{cut}:]", self.questions[cut:]),
        )

    def overlap(self, other: QuestionSet) -> list[Question]:
        """Questions whose text also occurs in `other`, ignoring case and white space."""
        theirs = {normalised(q.text) for q in other}
        return [q for q in self if normalised(q.text) in theirs]


class _Nothing(QuestionSet):
    def __post_init__(self) -> None:
        """No checks: this set is empty on purpose."""


NO_QUESTIONS = _Nothing("none", ())
"""The training questions of a run without training."""


def normalised(text: str) -> str:
    """The text in lower case, with single spaces."""
    return " ".join(text.lower().split())
