"""Read a formula with what follows it: a unit, a per cent sign, a noun, an ordinal's ending."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from sdzero_bench.verifiers.answers.formulas import formula
from sdzero_bench.verifiers.answers.nodes import Degrees, Node, Number, Product
from sdzero_bench.verifiers.answers.statements import Compound, Quantity, Several, Words
from sdzero_bench.verifiers.answers.symbols import CURRENCIES, FUNCTIONS
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece
from sdzero_bench.verifiers.answers.units import Unit, currency, is_noun_phrase, known, multiplier, single, unit_of
from sdzero_bench.verifiers.answers.words import number_in_words

_ENDINGS = {"st", "nd", "rd", "th"}


def quantity(tokens: list[Piece], measured: bool) -> Quantity | Compound | Several | Words:
    """The formula with its unit. Raises `NotAnAnswer` if there is something else before or after the formula.

    measured:
        Whether letters that are not within \\text{} may be units.
    """
    tokens = _without_ordinal(tokens)
    if (number := number_in_words(tokens)) is not None:
        return Quantity(Number(Fraction(number)))
    if (parts := _in_parts(tokens, measured)) is not None:
        return parts
    tokens, money = _without_currency(tokens)
    place = next((n for n in range(1, len(tokens)) if _is_phrase(tokens[n:], measured, tokens[:n])), None)
    if place is None:
        return _with_marks(tokens, money)
    found = _with_marks(tokens[:place], money)
    if not isinstance(found, Quantity):
        raise NotAnAnswer("words after several values")
    words, power = _phrase(tokens[place:])
    return _measured(found, words, power)


def _with_marks(tokens: list[Piece], unit: Unit | None) -> Quantity:
    percent = False
    while len(tokens) > 1 and tokens[-1].text in (r"\%", "%"):
        tokens, percent = tokens[:-1], True
    node = formula(tokens)
    bare, degrees = _without_degrees(node)
    return Quantity(bare, unit, percent, degrees)


def _without_degrees(node: Node) -> tuple[Node, bool]:
    match node:
        case Degrees(angle):
            return angle, True
        case Product((Number(value) as sign, Degrees(angle))) if value == -1:
            return Product((sign, angle)), True
    return node, False


def _measured(found: Quantity, words: list[str], power: int) -> Quantity:
    while words and (factor := multiplier(words[0])) is not None:
        found = Quantity(Product((found.value, Number(Fraction(factor)))), found.unit)
        words = words[1:]
    lower = [word.lower() for word in words]
    if lower in (["percent"], ["percentage"], ["per", "cent"], ["pct"]):
        return Quantity(found.value, found.unit, True)
    if lower and lower[0] in ("percent", "percentage", "squared", "cubed"):
        raise NotAnAnswer(f"a number {' '.join(words)}")
    unit = unit_of(words, power) if words else found.unit
    if unit is not None and unit.dimension == "angle":
        return Quantity(found.value, None, False, True)
    return Quantity(found.value, found.unit or unit, found.percent, found.degrees)


def _without_currency(tokens: list[Piece]) -> tuple[list[Piece], Unit | None]:
    if len(tokens) > 1 and tokens[0].text in ("USD", "EUR", "Rs", "RM") and tokens[0].kind == "word":
        return tokens[1:], currency({"USD": "dollar", "EUR": "euro", "Rs": "rupee"}.get(tokens[0].text, tokens[0].text))
    for place in (0, 1):
        if len(tokens) > place + 1 and tokens[place].text in CURRENCIES and (place == 0 or tokens[0].text == "-"):
            return tokens[:place] + tokens[place + 1 :], currency(CURRENCIES[tokens[place].text])
    if len(tokens) > 1 and tokens[-1].text in CURRENCIES:
        return tokens[:-1], currency(CURRENCIES[tokens[-1].text])
    return tokens, None


def _without_ordinal(tokens: list[Piece]) -> list[Piece]:
    """12th and 12^{th} as 12."""
    texts = [t.text for t in tokens]
    for ending in (["^", "{", "}"], ["^"], []):
        tail = len(ending) + 1
        if len(texts) == tail + 1 and tokens[0].kind == "number" and tokens[0].text.isdigit():
            last = next((t for t in texts[1:] if t in _ENDINGS), None)
            if last is not None and [t for t in texts[1:] if t != last] == ending:
                return tokens[:1]
    return tokens


def _is_phrase(tokens: list[Piece], measured: bool, before: list[Piece]) -> bool:
    """Whether the tokens are words that only say what the number before them counts."""
    first = tokens[0]
    if not _may_begin(first, measured, before):
        return False
    try:
        words, _ = _phrase(tokens)
    except NotAnAnswer:
        return False
    return is_noun_phrase(words)


def _may_begin(token: Piece, measured: bool, before: list[Piece]) -> bool:
    if token.prose and (token.kind == "word" or token.text == "("):
        return True
    if not measured or before[-1].text in ("+", "-", "/", "^", "*", "(", "_"):
        return False
    if token.kind == "letter":
        alone = all(t.kind not in ("letter", "command") or t.text in (r"\frac",) for t in before)
        return token.prose or (token.spaced and single(token.text) and alone)
    if token.kind != "word":
        return False
    if known(token.text):
        return True
    ascending = all(a < b for a, b in pairwise(token.text))
    return token.spaced and len(token.text) > 2 and not ascending


def _phrase(tokens: list[Piece]) -> tuple[list[str], int]:
    """The words of a phrase and the power behind it. Raises `NotAnAnswer` if it has anything else."""
    words: list[str] = []
    power, position = 1, 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind in ("word", "letter"):
            words.append(token.text)
        elif token.text == "^":
            inner = [t for t in tokens[position + 1 : position + 4] if t.text not in ("{", "}")]
            if not inner or inner[0].text not in ("2", "3"):
                raise NotAnAnswer("a unit with another power")
            power = int(inner[0].text)
            position += 3 if tokens[position + 1].text == "{" else 1
        elif token.text == "/":
            words.append("/")
        elif token.text in ("(", ")", ".", "-", "'", r"\cdot", "{", "}"):
            pass
        else:
            raise NotAnAnswer(f"{token.text!r} among words")
        position += 1
    return words, power


def _in_parts(tokens: list[Piece], measured: bool) -> Compound | Several | None:
    """Several numbers, each with its noun: 2 hours 30 minutes."""
    starts = [n for n, t in enumerate(tokens) if t.kind == "number" and (n == 0 or tokens[n - 1].kind in ("word", "letter"))]
    plain = all(t.kind in ("number", "word", "letter") for t in tokens)
    if len(starts) < 2 or starts[0] != 0 or not plain or any(t.text in FUNCTIONS for t in tokens):
        return None
    found = []
    for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
        if end == start + 1:
            return None
        part = quantity(tokens[start:end], measured)
        if not isinstance(part, Quantity):
            return None
        found.append(part)
    return together(found) or Several(tuple(found), "and")


def together(parts: Sequence[Quantity]) -> Compound | None:
    """The sum of measures of one dimension from the largest unit to the smallest, such as 2 hours and 30 minutes."""
    scales = [part.unit.scale for part in parts if part.unit is not None]
    dimensions = {part.unit.dimension if part.unit else "" for part in parts}
    descending = all(a > b for a, b in pairwise(scales))
    if len(scales) == len(parts) > 1 and len(dimensions) == 1 and descending:
        return Compound(tuple(parts))
    return None
