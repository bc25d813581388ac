"""Answers in a notation of their own: matrices, ratios and times, numerals of other bases, residues."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from sdzero_bench.verifiers.answers.brackets import closing_at, parts_of
from sdzero_bench.verifiers.answers.formulas import formula
from sdzero_bench.verifiers.answers.nodes import Node, Number, Product
from sdzero_bench.verifiers.answers.statements import Matrix, Numeral, Ratio, Residue, Statement
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece
from sdzero_bench.verifiers.answers.words import BASES

ValueReader = Callable[[list[Piece]], Statement]
"""Reads the value in a statement."""

_MATRICES = {"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array", "tabular", "vmatrix", "Vmatrix"}


def matrix_of(tokens: list[Piece]) -> Statement | None:
    """A matrix, perhaps with a factor in front of it."""
    start = next((n for n, t in enumerate(tokens) if t.text.startswith(r"\begin{")), None)
    if start is None:
        return None
    end = closing_at(tokens, start)
    name = tokens[start].text[7:-1]
    outer = tokens[:start], tokens[end + 1 :] if end is not None else []
    if end is not None and [t.text for t in (*outer[0], *outer[1])] in (["(", ")"], ["[", "]"], ["|", "|"]):
        name, outer = ("vmatrix" if outer[0][0].text == "|" else name), ([], [])
    if end is None or name not in _MATRICES or outer[1]:
        raise NotAnAnswer("something beside a matrix")
    factor = _factor(outer[0])
    rows, _ = parts_of(tokens[start + 1 : end], {r"\\"})
    found = []
    for row in rows:
        if row or row is not rows[-1]:
            cells, _ = parts_of([t for t in row if t.text != r"\hline"], {"&"})
            found.append(tuple(formula(cell) if factor is None else Product((factor, formula(cell))) for cell in cells))
    if not found or len({len(row) for row in found}) > 1:
        raise NotAnAnswer("a matrix with rows of unequal length")
    return Matrix(tuple(found), name == "vmatrix")


def _factor(tokens: list[Piece]) -> Node | None:
    if not tokens:
        return None
    if tokens[0].text == "-" and len(tokens) == 1:
        return Number(Fraction(-1))
    return formula(tokens[:-1] if tokens[-1].text in (r"\cdot", r"\times", "*") else tokens)


def ratio_of(tokens: list[Piece]) -> Ratio | None:
    half = tokens[-1].text.lower() if tokens[-1].kind == "word" and tokens[-1].text.lower() in ("am", "pm") else None
    to = {"to"} if all(t.kind == "number" or t.text == "to" for t in tokens) else set()
    parts, colons = parts_of(tokens[:-1] if half else tokens, {":", *to})
    if not colons or not all(parts):
        return None
    clock = all(len(p) == 1 and p[0].kind == "number" and p[0].text.isdigit() and len(p[0].text) <= 2 for p in parts) and all(
        len(p[0].text) == 2 for p in parts[1:]
    )
    if half and not clock:
        raise NotAnAnswer("a time of day that is none")
    return Ratio(tuple(formula(part) for part in parts), clock, half)


def numeral_of(tokens: list[Piece]) -> Numeral | None:
    """Digits with the base as a subscript, such as 4210_5 or A5_{11}."""
    sign = "-" if tokens[0].text == "-" else ""
    tokens = tokens[1:] if sign else tokens
    place = next((n for n, t in enumerate(tokens) if t.text == "_"), None)
    if place is not None and [t.text for t in (*tokens[:1], *tokens[place - 1 : place])] == ["(", ")"]:
        tokens, place = [*tokens[1 : place - 1], *tokens[place:]], place - 2
    if place is None or place <= 0 or not all(t.kind in ("number", "letter", "word") for t in tokens[:place]):
        return None
    digits = "".join(t.text for t in tokens[:place])
    below = [t for t in tokens[place + 1 :] if t.text not in ("{", "}", "(", ")")]
    if not digits[0].isdigit() and not any(c.isdigit() for c in digits):
        return None
    if not re.fullmatch(r"[0-9A-Z]+(\.[0-9A-Z]+)?", digits) or len(below) != 1:
        return None
    base = int(below[0].text) if below[0].text.isdigit() else BASES.get(below[0].text.lower())
    if base is None or not 2 <= base <= 36:
        return None
    if any(int(c, 36) >= base for c in digits if c != "."):
        raise NotAnAnswer(f"digits that base {base} does not have")
    return Numeral(sign + (digits.lstrip("0") or "0"), base)


def residue_of(tokens: list[Piece], value: ValueReader) -> Residue | None:
    place = next((n for n, t in enumerate(tokens) if t.text in (r"\pmod", r"\mod", r"\bmod", "mod")), 0)
    if place == 0 or (tokens[place].text == r"\bmod" and tokens[place - 1].text != "("):  # 5 \bmod 3 is a remainder
        return None
    before, after = tokens[:place], tokens[place + 1 :]
    if before[-1].text == "(":
        before, after = before[:-1], after[:-1]
    parts, _ = parts_of(before, {r"\equiv", "="})
    after = after[1:-1] if after and after[0].text in ("{", "(") and closing_at(after, 0) == len(after) - 1 else after
    return Residue(value(parts[-1]), formula(after))
