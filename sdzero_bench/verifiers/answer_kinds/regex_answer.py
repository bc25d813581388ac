"""Regex: the gold answer is a regular expression, which has to match the whole answer."""

from __future__ import annotations

from typing import Any, Literal

import regex
from pydantic import Field

from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer, UnreadableAnswer
from sdzero_bench.verifiers.answer_kinds.stated_answer import undecorated

LONGEST_MATCHED = 2_000
"""Characters of an answer that is matched."""
_NO_ANSWER = "\x1a no such answer \x1a"


class RegexAnswer(AnswerKind):
    """A full match of the pattern, in the syntax of Python's `re`. A match that takes too long is none.

    A row may have a field `example` with an answer that matches: `tasks check` needs it to prove the pattern.
    """

    kind: Literal["regex"] = "regex"
    has_example = True
    ignore_case: bool = False
    seconds: float = Field(0.5, gt=0, le=5)
    """Time for one match: a pattern such as (a+)+ can take exponential time."""

    def read(self, text: str, expected: GoldAnswer) -> str:
        if len(text) > LONGEST_MATCHED:
            raise UnreadableAnswer(f"longer than {LONGEST_MATCHED:,} characters")
        return undecorated(text)

    def read_gold(self, expected: GoldAnswer) -> regex.Pattern[str]:
        flags = regex.VERSION0 | (regex.IGNORECASE if self.ignore_case else 0)
        try:
            return regex.compile(expected.answer, flags, cache_pattern=True)
        except (regex.error, RecursionError, OverflowError, ValueError) as error:
            raise UnreadableAnswer(f"it is no regular expression: {error}") from error

    def same(self, gold: regex.Pattern[str], answer: str) -> bool:
        try:
            return gold.fullmatch(answer, timeout=self.seconds) is not None
        except TimeoutError:
            raise UnreadableAnswer(f"no match within {self.seconds:g} s") from None

    def gold_text(self, value: object) -> str:
        return str(value)  # blanks of a pattern count

    def problem(self, expected: GoldAnswer) -> str | None:
        return super().problem(expected) or ("the pattern matches every answer" if self._matches_all(expected) else None)

    def _matches_all(self, expected: GoldAnswer) -> bool:
        gold = self.read_gold(expected)
        try:
            return all(self.same(gold, text) for text in (_NO_ANSWER, "0"))
        except UnreadableAnswer:
            return False  # too slow to match

    def right_answer(self, expected: GoldAnswer) -> str | None:
        return expected.example

    def tampered(self, expected: GoldAnswer) -> list[str]:
        given: Any = expected.example
        return [_NO_ANSWER, *([f"not {given}, but \x1a"] if given else [])]
