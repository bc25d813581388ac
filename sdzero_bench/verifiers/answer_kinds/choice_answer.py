"""Choice: one of the options that the prompt states, by its letter or its text."""

from __future__ import annotations

import re
import string
from typing import Literal

from sdzero_bench.core.text import counted
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer, UnreadableAnswer
from sdzero_bench.verifiers.answer_kinds.stated_answer import last_line, undecorated
from sdzero_bench.verifiers.answer_kinds.text_answer import TextAnswer

LETTERS = string.ascii_uppercase
_TEXT = TextAnswer()
_ALONE = re.compile(r"[\s(\[{<*_$`\"']{0,8}([A-Za-z])[\s)\]}>*_$`\"'.,:!]{0,8}")
_LED = re.compile(
    r"(?:(?:option|choice|letter|answer)\s+)?[(\[*_$`]{0,5}([A-Za-z])(?![\w'’])([)\]*_$`.:,]{0,5})(?:\s+|$)(.*)", re.I | re.S
)
_REASON = re.compile(r"(?:because|since|as|for|which|due to|not|rather than|is (?:correct|right|the))\b|[-–—]")
_ANOTHER = re.compile(r"(?:(?:or|and|nor)\s+)?[(\[*]{0,3}[A-Z](?:[.)\]:,*/]|\s*$|\s+(?:or|and)\b)")
"""The letter of another option, at the beginning of what follows the first."""


class ChoiceAnswer(AnswerKind):
    """The letter of an option, as in B, (B) or B., or its text, or both. Not: two options, or a letter in prose."""

    kind: Literal["choice"] = "choice"
    first: Literal[0, 1] = 0
    """What gold answers that are JSON numbers, the positions of options, count from: 0 in MMLU."""
    form = "the letter of the right option"
    shows_options = True

    def read(self, text: str, expected: GoldAnswer) -> int:
        options, text = expected.options, undecorated(text.partition("\n")[0] if "\n" in text.strip() else text)
        if (whole := _by_text(text, options)) is not None:
            return whole
        if alone := _ALONE.fullmatch(text):
            return _position(alone[1], options)
        led = _LED.fullmatch(text)
        if led is None or (not led[2] and not _REASON.match(led[3])):
            raise UnreadableAnswer(f"{text[:40]!r} is neither a letter nor the text of an option")
        position, rest = _position(led[1], options), led[3].strip()
        if _by_text(rest, options) == position:
            return position
        others = [option for number, option in enumerate(options) if number != position]
        sentence = led[2].rstrip("*_$`").endswith((".", ")", "]")) and rest[:1].isupper() and not _ANOTHER.match(rest)
        if not (sentence or _REASON.match(rest) or _begins(rest, options[position])) or any(_begins(rest, o) for o in others):
            raise UnreadableAnswer(f"{text[:40]!r} names more than one option, or another text than that of {led[1].upper()}")
        if _begins(rest, options[position]) and any(
            f" {_TEXT.normalised(o)} " in f" {_TEXT.normalised(rest)} " for o in others
        ):
            raise UnreadableAnswer(f"{text[:40]!r} has the texts of several options")
        return position

    def read_gold(self, expected: GoldAnswer) -> int:
        options, answer = expected.options, expected.answer.strip()
        if not 2 <= len(options) <= len(LETTERS):
            raise UnreadableAnswer(f"{counted(len(options), 'option')}, of 2 to {len(LETTERS)}")
        if any(not option.strip() for option in options):
            raise UnreadableAnswer("an option is empty")
        if len(set(map(_exact, options))) < len(options):
            raise UnreadableAnswer("two options are the same")
        for position, option in enumerate(options):
            if len(option.strip()) == 1 and option.strip().upper() in LETTERS[: len(options)].replace(LETTERS[position], ""):
                raise UnreadableAnswer(f"the text of option {LETTERS[position]} is the letter of another option")
        if (named := _by_text(answer, options)) is not None:
            return named
        if re.fullmatch(r"[+-]?\d+", answer):
            raise UnreadableAnswer(
                f"no option has the text {answer!r}; positions, counted from {self.first}, are JSON numbers in range"
            )
        return self.read(answer, expected)

    def gold_text(self, value: object) -> str:
        """A JSON number is the position of an option."""
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value - self.first < len(LETTERS):
            return LETTERS[value - self.first]
        return super().gold_text(value)

    def same(self, gold: int, answer: int) -> bool:
        return gold == answer

    def canonical(self, value: int) -> str:
        return LETTERS[value]

    def found(self, response: str, expected: GoldAnswer) -> str | None:
        answer = super().found(response, expected)
        if answer is None and self.extract is None:  # a letter alone on the last line states an answer too
            line = last_line(response) or ""
            return line if _ALONE.fullmatch(line) else None
        return answer

    def right_answer(self, expected: GoldAnswer) -> str:
        return LETTERS[self.read_gold(expected)]

    def tampered(self, expected: GoldAnswer) -> list[str]:
        gold = self.read_gold(expected)
        others = [(letter, text) for i, (letter, text) in enumerate(zip(LETTERS, expected.options, strict=False)) if i != gold]
        return [
            *(letter for letter, _ in others),
            others[0][1],
            f"{LETTERS[gold]} or {others[0][0]}",
            f"{others[0][0]}. not it",
        ]


def with_options(text: str, options: tuple[str, ...]) -> str:
    """A question followed by its options, one a line."""
    return "\n".join([text, "", *(f"{letter}. {option.strip()}" for letter, option in zip(LETTERS, options, strict=False))])


def _by_text(text: str, options: tuple[str, ...]) -> int | None:
    """The position of the option with this text: the exact one if there is one, else the only one after normalisation."""
    for reading in (_exact, _TEXT.normalised):
        if len(found := [i for i, option in enumerate(options) if reading(option) == reading(text)]) == 1:
            return found[0]
    return None


def _exact(text: str) -> str:
    return " ".join(text.split())


def _begins(text: str, option: str) -> bool:
    start, whole = _TEXT.normalised(option), _TEXT.normalised(text)
    return whole.startswith(start) and not whole[len(start) : len(start) + 1].isalnum()


def _position(letter: str, options: tuple[str, ...]) -> int:
    position = LETTERS.index(letter.upper())
    if position >= len(options):
        raise UnreadableAnswer(f"there is no option {letter.upper()}; the last is {LETTERS[len(options) - 1]}")
    return position
