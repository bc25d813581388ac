"""Answers in words, and single letters: names, choices, days."""

from __future__ import annotations

import re
from itertools import pairwise

from sdzero_bench.verifiers.answers.statements import Words
from sdzero_bench.verifiers.answers.symbols import FUNCTIONS
from sdzero_bench.verifiers.answers.tokens import Piece
from sdzero_bench.verifiers.answers.units import is_unit

NUMBERS = {
    name: value
    for value, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
_TENS = {
    name: 10 * value
    for value, name in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)
}
BASES = {name: value for name, value in NUMBERS.items() if value > 1}
_IN_FORMULAS = FUNCTIONS | {"pi", "sqrt", "infinity", "infty", "inf", "theta", "alpha"}
_PUNCTUATION = {".", "'", "-", "?", "!", '"', "`", "/"}
_JOINING = {"and", "or"}
_ARTICLES = {"the", "a", "an"}


def number_in_words(tokens: list[Piece]) -> int | None:
    """The number below 100 that the tokens spell out, such as twenty-one; None if they do not."""
    words = [word for t in tokens if t.text not in ("-", "{", "}") for word in t.text.lower().split("-")]
    if len(words) == 2 and words[0] in _TENS and 0 < NUMBERS.get(words[1], 0) < 10:
        return _TENS[words[0]] + NUMBERS[words[1]]
    return {**NUMBERS, **_TENS}.get(words[0]) if len(words) == len(tokens) == 1 and tokens[0].kind == "word" else None


def as_words(tokens: list[Piece]) -> Words | None:
    """The answer in lower case, if it is in words; None if it may be a formula, a list, or a number with its unit."""
    tokens = _unwrapped(tokens)
    if not all(t.kind in ("word", "letter", "number") or t.text in _PUNCTUATION for t in tokens):
        return None
    words = [t for t in tokens if t.kind == "word" and len(t.text) > 1]
    if not words or any(not t.prose and t.text in _IN_FORMULAS for t in tokens):
        return None
    if len(tokens) == 1 and tokens[0].text.lower() == "infinity":
        return None
    if number_in_words(tokens) is not None or (len(tokens) == 1 and _is_product(tokens[0])):
        return None
    if any(t.text.lower() in _JOINING for t in words):
        return None
    if [t.text if t.kind == "word" else t.kind for t in tokens] == ["number", "to", "number"]:
        return None
    numbers = [place for place, t in enumerate(tokens) if t.kind == "number"]
    if numbers and numbers == [0]:
        return None
    if numbers and tokens[0].text in ("USD", "EUR", "Rs", "RM"):
        return None
    if numbers and numbers[0] == 0 and _are_measures(tokens):
        return None
    if numbers and not _has_words_before_a_number(tokens):
        return None
    if any(t.text in ("/", "-", "!") and not _within_words(tokens, n) for n, t in enumerate(tokens)):
        return None
    said = [_singular(t.text.casefold()) for t in tokens if t.text not in _PUNCTUATION]
    while len(said) > 1 and said[0] in _ARTICLES:
        said = said[1:]
    return Words(" ".join(said))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def as_letter(tokens: list[Piece]) -> str | None:
    """The letter, if the answer is a single one, perhaps in parentheses."""
    inner = [t for t in tokens if t.text not in ("(", ")", "{", "}", ".")]
    outer = "".join(t.text for t in tokens if t.text in ("(", ")"))
    if len(inner) == 1 and outer in ("", "()", ")") and re.fullmatch(r"[A-Za-z]", inner[0].text):
        return inner[0].text
    return None


def _unwrapped(tokens: list[Piece]) -> list[Piece]:
    return [t for t in tokens if t.text not in ("{", "}")]


def _is_product(token: Piece) -> bool:
    """Whether a run of letters outside of \\text{} may be a product of variables, such as xy."""
    return not token.prose and re.fullmatch(r"[abcdfghjklmnpqrstuvwxyz]{2,4}", token.text) is not None


def _are_measures(tokens: list[Piece]) -> bool:
    """Whether numbers and units take turns, as in 2 hours 30 minutes."""
    kinds = ["number" if t.kind == "number" else "unit" for t in tokens if t.kind in ("number", "word", "letter")]
    units = [t.text for t in tokens if t.kind in ("word", "letter")]
    return kinds == ["number", "unit"] * (len(kinds) // 2) and all(is_unit(unit) for unit in units)


def _has_words_before_a_number(tokens: list[Piece]) -> bool:
    place = next(n for n, t in enumerate(tokens) if t.kind == "number")
    before = tokens[:place]
    if any(t.kind == "word" for t in before):
        return True
    return any(a.kind == "word" and b.kind == "number" for a, b in pairwise(tokens[1:]))


def _within_words(tokens: list[Piece], place: int) -> bool:
    before, after = tokens[place - 1 : place], tokens[place + 1 : place + 2]
    return bool(before) and before[0].kind == "word" and (not after or after[0].kind in ("word", "number"))
