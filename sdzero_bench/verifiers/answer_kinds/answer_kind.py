"""A kind of answer: its options, and the steps that every kind shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from sdzero_bench.core.settings import Options
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.answer_kinds.stated_answer import Place, last_block, last_line, stated, undecorated
from sdzero_bench.verifiers.thinking import after_thinking

LONGEST = 100_000
"""Characters of an answer."""
_SHOWN = 300


class UnreadableAnswer(ValueError):
    """A text is not an answer of this kind; the message says why."""


@dataclass(frozen=True)
class GoldAnswer:
    """What a response is compared with."""

    answer: str
    options: tuple[str, ...] = ()
    """Of a multiple-choice question, in the order of their letters."""
    example: str | None = None
    """An answer that is right, for kinds whose gold answer is none itself, such as a regular expression."""


class AnswerKind(Options, ABC):
    """How an answer is asked for, found, read and compared. The options of a kind are its fields.

    A subclass says how an answer is read, and when two are the same. What a response does to either is its own fault, and the
    response is wrong; a gold answer that cannot be read is an error, which `problem` finds when questions are loaded.
    """

    form: ClassVar[str] = "the answer"
    """What the prompt asks for."""
    shows_options: ClassVar[bool] = False
    structured: ClassVar[bool] = False
    """Whether gold answers may be JSON arrays, objects and truth values."""
    uses_details: ClassVar[bool] = True
    """Whether responses are verified by more of a question than its answer."""
    has_example: ClassVar[bool] = False
    """Whether a row may have an example of a right answer, since its gold answer is none."""
    place: ClassVar[Place] = "stated"
    block_tag: ClassVar[str] = ""

    kind: str
    extract: Place | None = None
    """Where in the response the answer is; null: where this kind usually has it (stated_answer.py)."""
    marker: str = Field("Answer", min_length=1)
    """The word before the colon in `Answer: ...`, for prompts in another language."""

    @abstractmethod
    def read(self, text: str, expected: GoldAnswer) -> Any:
        """An answer as a value. Raises `UnreadableAnswer`."""

    def read_gold(self, expected: GoldAnswer) -> Any:
        """The gold answer as a value. Raises `UnreadableAnswer`."""
        return self.read(expected.answer, expected)

    @abstractmethod
    def same(self, gold: Any, answer: Any) -> bool:
        """Whether the answer is right. Raises `UnreadableAnswer` if that cannot be decided within limits."""

    @abstractmethod
    def tampered(self, expected: GoldAnswer) -> list[str]:
        """Wrong answers made from the gold answer, which must not earn the reward."""

    def canonical(self, value: Any) -> str:
        """An answer that was read as text, the same for equal ones: maj@k counts such texts."""
        return str(value)

    def gold_text(self, value: object) -> str:
        """The gold answer of a row as text. The value is text or a number; or any other, if the kind is `structured`."""
        return str(value).strip()

    @property
    def described(self) -> str:
        """What a response is judged by, for people."""
        return f"the final answer, compared as {self.kind}"

    def worked(self, solution: str, expected: GoldAnswer) -> str | None:
        """A worked solution that states the gold answer, which is appended if missing; None if no right answer is known."""
        if self.check(solution, expected).reward == 1.0:
            return solution
        answer = self.right_answer(expected)
        return None if answer is None else f"{solution}\n{self.state(answer)}"

    def right_answer(self, expected: GoldAnswer) -> str | None:
        """A right answer as text; None if none is known."""
        return expected.answer

    def found(self, response: str, expected: GoldAnswer) -> str | None:
        """The text of the answer in a response; None if there is none."""
        text, place = after_thinking(response).strip(), self.extract or self.place
        if place == "block":
            return last_block(text, *filter(None, (self.block_tag,)))
        if place == "whole":
            return undecorated(text) or None
        if place == "last_line":
            return last_line(text)
        answer = stated(text, self.marker, boxed_only=place == "boxed")
        return undecorated(text) if answer is None and place == "stated" and text and _is_bare(text) else answer

    def check(self, response: str, expected: GoldAnswer) -> Verdict:
        """The verdict on a response. Raises `ValueError` if the gold answer cannot be read."""
        try:
            gold = self.read_gold(expected)
        except UnreadableAnswer as error:
            raise ValueError(f"the gold answer {expected.answer[:80]!r} cannot be read: {error}") from error
        answer = None
        try:
            answer = self.found(response, expected)
            if answer is None or not answer.strip():
                return Verdict(0.0, detail="no final answer")
            if len(answer) > LONGEST:
                raise UnreadableAnswer(f"longer than {LONGEST:,} characters")
            value = self.read(answer, expected)
            return Verdict(float(self.same(gold, value)), answer=self.canonical(value)[:_SHOWN])
        except UnreadableAnswer as error:
            return Verdict(0.0, "refused", answer and answer[:_SHOWN], f"the answer cannot be read: {error}")
        except Exception as error:  # whatever a response does to the comparison, it is no reason to have no verdict
            return Verdict(0.0, "refused", answer and answer[:_SHOWN], f"{type(error).__name__}: {error}"[:_SHOWN])

    def problem(self, expected: GoldAnswer) -> str | None:
        """Why responses cannot be compared with this gold answer; None if they can."""
        try:
            self.read_gold(expected)
        except UnreadableAnswer as error:
            return str(error)
        answer = self.right_answer(expected)
        if answer is None:
            return None
        verdict = self.check(self.state(answer), expected)
        return None if verdict.reward == 1.0 else f"stated as the prompt asks, it is not right ({verdict.detail or 'wrong'})"

    def ask(self) -> str:
        """The instruction that follows the question."""
        return {
            "stated": f"Think step by step, and end with a line `{self.marker}: X`, where X is {self.form}.",
            "boxed": f"Think step by step, and put {self.form} in \\boxed{{}}.",
            "block": f"Think step by step, and put {self.form} into a ```{self.block_tag} block at the end.",
            "last_line": f"Think step by step, and put {self.form} alone on the last line.",
            "whole": f"Respond with {self.form} and nothing else.",
        }[self.extract or self.place]

    def state(self, answer: str) -> str:
        """A response that states an answer as the prompt asks."""
        return {
            "stated": f"{self.marker}: {answer}",
            "boxed": f"\\boxed{{{answer}}}",
            "block": f"```{self.block_tag}\n{answer}\n```",
        }.get(self.extract or self.place, answer)


def _is_bare(text: str) -> bool:
    """Whether a response that states no answer is one itself: a short line, not a text."""
    return "\n" not in text and len(text) <= _SHOWN
