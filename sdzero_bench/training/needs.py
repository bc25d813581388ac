"""How long the sequences are that a phase asks for: declared by methods, checked before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from sdzero_bench.training.phrases import ControlPhrases

SHORTER = "lower sampling.max_new_tokens"


@dataclass(frozen=True)
class Need:
    """The longest sequence of one kind."""

    what: str
    """Such as: a prompt with its response."""
    tokens: float
    remedy: str = SHORTER
    """What to do if it is too long."""
    sampled: bool = False
    """Whether the engine writes its end, so that the engine's limit counts besides the model's context."""


class Lengths(Protocol):
    """Lengths in tokens, of the longest of its kind: measured on the questions by a run, assumed by a plan."""

    @property
    def response(self) -> int:
        """Of a response: `sampling.max_new_tokens`."""
        ...

    @property
    def prompt(self) -> float:
        """Of a prompt."""
        ...

    def phrase(self, phrases: ControlPhrases) -> float:
        """Of a control phrase, with the blank lines around it."""
        ...

    def rewritten(self, template: str, gold: Literal["solution", "answer"] | None = None) -> float:
        """Of a prompt in a teacher's template, its fields filled with the gold solution or answer, or with nothing."""
        ...

    def solved(self) -> float:
        """Of a prompt with its gold solution as the response, and the end of the turn."""
        ...


def response(lengths: Lengths) -> Need:
    """A sample."""
    return Need("a prompt with its response", lengths.prompt + lengths.response, sampled=True)


def taught(what: str, tokens: float, max_teacher_tokens: int, option: str = "method.max_teacher_tokens") -> Need:
    """What a teacher reads: at most `max_teacher_tokens`, since the response is truncated to that. `option` sets it."""
    return Need(what, min(tokens, max_teacher_tokens), f"{SHORTER} or {option}")
