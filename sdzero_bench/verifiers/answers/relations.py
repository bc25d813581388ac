"""Equations, inequalities and memberships: what stands on the left, and what it says of it."""

from __future__ import annotations

import re

from sdzero_bench.verifiers.answers.formulas import formula
from sdzero_bench.verifiers.answers.nodes import Total, negative, symbols
from sdzero_bench.verifiers.answers.notation import ValueReader
from sdzero_bench.verifiers.answers.statements import Equation, Inequality, Named, Several, Statement
from sdzero_bench.verifiers.answers.symbols import FUNCTIONS
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece


def relation_of(parts: list[list[Piece]], signs: list[str], value: ValueReader) -> Statement:
    if r"\sim" in signs or r"\equiv" in signs or not parts[-1]:
        raise NotAnAnswer("a comparison that is not complete")
    if r"\in" in signs:
        if signs != [r"\in"]:
            raise NotAnAnswer("membership within a chain")
        return Named((_name(parts[0]) or "",), value(parts[1]))
    if not parts[0]:  # `= 5` and `> 5`
        if signs == ["="]:
            return value(parts[1])
        raise NotAnAnswer("a comparison with nothing")
    while r"\approx" in signs:  # what is only about equal is left out, but not if it is all there is
        place = signs.index(r"\approx")
        keep_right = place == 0 and (_name(parts[0]) is not None)
        if keep_right:
            signs[place] = "="
        else:
            del signs[place], parts[place + 1]
    if not signs:
        return value(parts[0])
    if set(signs) == {"="}:
        return _equation(parts, value)
    return Inequality(tuple(formula(_unspoken(part)) for part in parts), tuple(signs))


def _unspoken(tokens: list[Piece]) -> list[Piece]:
    return [t for t in tokens if not (t.kind == "word" and t.prose and t.text.lower() in ("units", "unit"))]


def _equation(parts: list[list[Piece]], value: ValueReader) -> Statement:
    names = [_name(part) for part in parts]
    if names[0] is None and len(parts) == 2 and names[1] is not None and _is_plain_number(parts[0]):
        parts, names = parts[::-1], names[::-1]
    restated = names[0] is None and _is_restated(parts[0]) and all(_is_plain_number(part) for part in parts[1:])
    if restated:
        names[0] = "".join(t.text for t in parts[0]).replace(",", ";")
    if names[0] is not None:
        rest = parts[1:]
        for extra in rest[:-1]:
            _must_agree(extra, rest[-1])
        named = value(rest[-1])
        try:
            left, right = formula(parts[0]), formula(rest[-1])
            difference = Total((left, negative(right)))
        except NotAnAnswer:
            difference = None
        return Named(tuple(names[0].split(",")), named, difference, restated)
    try:
        sides = [formula(part) for part in parts]
    except NotAnAnswer:
        values = [value(part) for part in parts]
        return Several(tuple(values), "=")
    if not any(symbols(side) for side in sides):
        return Several(tuple(value(part) for part in parts), "=")
    if len(sides) != 2:
        raise NotAnAnswer("an equation with several sides")
    return Equation(Total((sides[0], negative(sides[1]))))


def _is_restated(tokens: list[Piece]) -> bool:
    """Whether a left side only names what is asked for, such as m + n, a + b + c or m/n."""
    texts = [t.text for t in tokens if t.text not in ("{", "}")]
    letters = [c for t in texts if t.isalpha() for c in t]
    return (
        all(re.fullmatch(r"[a-zA-Z]+|[-+/]|\\frac|\\cdot|_|\d", t) for t in texts)
        and not any(t.isdigit() and texts[n - 1] != "_" for n, t in enumerate(texts))
        and len(letters) == len(set(letters))
        and len(letters) > 1
    )


def _must_agree(tokens: list[Piece], last: list[Piece]) -> None:
    """Sides between the name and the last one have to be readable; what they say does not count. In a = 1 b = 2 such a side is
    the value of one name and the next name."""
    if len(tokens) > 1 and tokens[-1].kind == "letter" and tokens[-1].spaced and tokens[-2].kind == "number":
        raise NotAnAnswer("two equations in a row")
    formula(tokens)


def _is_plain_number(tokens: list[Piece]) -> bool:
    try:
        node = formula(tokens)
    except NotAnAnswer:
        return False
    return not symbols(node)


def _name(tokens: list[Piece]) -> str | None:
    """The name on the left of an equation: a variable, f(x), |AB|, an angle, (x, y) or words; None if it is a formula."""
    texts = [t.text for t in tokens if t.text not in ("{", "}")]
    joined = "".join(texts)
    if not tokens:
        return None
    if all(t.kind == "word" and (t.prose or len(t.text) > 3 or t.text.isupper()) and t.text not in FUNCTIONS for t in tokens):
        return joined
    if any(t.prose and t.kind == "word" and len(t.text) > 1 for t in tokens) and not any(t.kind == "number" for t in tokens):
        return joined
    if re.fullmatch(r"(?:\\[a-zA-Z]+|[a-zA-Z])'*(?:_(?:\w|\\[a-z]+|[+,-])+)?'*", joined) and tokens[0].text not in ("i", "e"):
        if tokens[0].kind == "word":
            return None
        return joined
    if re.fullmatch(r"[a-zA-Z]'*(?:_\w+)?(?:\^-?1)?\(\w(?:,\w)*\)|[a-zA-Z]'*\(\\[a-z]+\)", joined):
        return joined
    if re.fullmatch(r"\|[A-Z]{2}\||(?:\\(?:angle|triangle|overline|vec|bar|hat|overrightarrow))?[A-Z]{1,4}", joined):
        return joined
    if re.fullmatch(r"m?\\angle\w+|\[[A-Z]+\]|\\(?:overline|vec|bar|hat|overrightarrow|mathbf)\w", joined):
        return joined
    if re.fullmatch(r"[a-zA-Z]\w*(?::[a-zA-Z]\w*)+", joined):  # what a ratio is of
        return joined
    if re.fullmatch(r"\(\w(?:_\w)?(?:,\w(?:_\w)?)+\)", joined) and all(t.kind != "number" or i for i, t in enumerate(tokens)):
        return joined[1:-1]
    return None
