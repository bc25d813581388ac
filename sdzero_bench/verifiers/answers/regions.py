"""Sets of real numbers, as unions of intervals: from brackets, unions, inequalities and lists."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key
from typing import Any

from sdzero_bench.verifiers.answers.equality import equal
from sdzero_bench.verifiers.answers.evaluation import Evaluator, NoValue
from sdzero_bench.verifiers.answers.nodes import Call, Infinity, Node, Number, Total, negative, symbols
from sdzero_bench.verifiers.answers.statements import (
    Braced,
    Bracketed,
    Combined,
    Inequality,
    Named,
    Quantity,
    Several,
    Space,
    Statement,
)

_TURNED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
_LEAST, _GREATEST = negative(Infinity()), Infinity()


@dataclass(frozen=True)
class Cut:
    """A place on the line of real numbers: just before a number, or just after it."""

    at: Node
    after: bool


@dataclass(frozen=True)
class Region:
    """Pairs of cuts, in ascending order, that do not touch."""

    pieces: tuple[tuple[Cut, Cut], ...]
    variable: str | None = None


_ALL = ((Cut(_LEAST, True), Cut(_GREATEST, False)),)


def region(statement: Statement) -> Region | None:
    """The set of real numbers that a statement is; None if it is none. Raises `NoValue`."""
    match statement:
        case Space("R"):
            return Region(_ALL)
        case Bracketed(opening, (Quantity(low), Quantity(high)), closing) if opening in "([" and closing in ")]":
            if symbols(low) or symbols(high):
                return None
            ends = Cut(low, opening == "("), Cut(high, closing == "]")
            return Region((ends,)) if _order(*ends) < 0 else None  # (2, 1) is a point, and no interval
        case Braced(items):
            points = [item.value for item in items if isinstance(item, Quantity) and not symbols(item.value)]
            return _united([(Cut(p, False), Cut(p, True)) for p in points]) if len(points) == len(items) else None
        case Combined(first, rest):
            found = region(first)
            for operation, other in rest:
                its = region(other)
                if found is None or its is None:
                    return None
                found = _combined(found, operation, its)
            return found
        case Named(names, value) if isinstance(value, Bracketed | Combined | Space | Braced):
            inner = region(value)
            return inner and Region(inner.pieces, names[0])
        case Inequality():
            return _solved(statement)
        case Several(items, joined) if any(isinstance(item, Inequality | Bracketed | Combined) for item in items):
            parts = [region(item) for item in items]
            found = parts[0]
            for part in parts[1:]:
                if found is None or part is None or found.variable != part.variable:
                    return None
                meet = joined == "and" or (joined == "," and all(isinstance(i, Inequality) for i in items))
                # A comma between inequalities is an `and` if they have something in common: x > 1, x < 3.
                both = _combined(found, "intersection", part)
                found = both if meet and (joined == "and" or both.pieces) else _combined(found, "union", part)
            return found
    return None


def same_region(one: Region, other: Region) -> bool:
    return len(one.pieces) == len(other.pieces) and all(
        a.after == b.after and equal(a.at, b.at)
        for mine, its in zip(one.pieces, other.pieces, strict=True)
        for a, b in zip(mine, its, strict=True)
    )


def _solved(inequality: Inequality) -> Region | None:
    """Where a chain of inequalities in one variable holds, if each is linear."""
    names = frozenset().union(*(symbols(side) for side in inequality.sides))
    if len(names) != 1:
        return None
    (name,) = names
    match inequality:
        case Inequality((Call("abs", (inside,)), bound), (sign,)) if not symbols(bound):
            if sign in ("<", r"\le"):
                return _solved(Inequality((negative(bound), inside, bound), (sign, sign)))
            if sign in (">", r"\ge"):
                above = _solved(Inequality((inside, bound), (sign,)))
                below = _solved(Inequality((negative(bound), inside), (sign,)))
                return _combined(above, "union", below) if above and below else None
    found: Region | None = Region(_ALL, name)
    for left, sign, right in zip(inequality.sides, inequality.signs, inequality.sides[1:], strict=False):
        part = _half_line(left, sign, right, name)
        if part is None or found is None:
            return None
        found = _combined(found, "intersection", part)
    return found


def _half_line(left: Node, sign: str, right: Node, name: str) -> Region | None:
    at = _bound(left, right, name)
    if at is None or sign == "=":
        return None
    bound, turned = at
    if turned:
        sign = _TURNED.get(sign, sign)
    pieces = {
        "<": ((Cut(_LEAST, True), Cut(bound, False)),),
        r"\le": ((Cut(_LEAST, True), Cut(bound, True)),),
        ">": ((Cut(bound, True), Cut(_GREATEST, False)),),
        r"\ge": ((Cut(bound, False), Cut(_GREATEST, False)),),
        r"\ne": ((Cut(_LEAST, True), Cut(bound, False)), (Cut(bound, True), Cut(_GREATEST, False))),
    }[sign]
    return Region(pieces, name)


def _bound(left: Node, right: Node, name: str) -> tuple[Node, bool] | None:
    """Where both sides are equal, and whether left minus right falls; None if it is not linear."""
    for variable, other, turned in ((left, right, False), (right, left, True)):
        if symbols(variable) and getattr(variable, "name", None) == name and not symbols(other):
            return other, turned
    if isinstance(left, Infinity) or isinstance(right, Infinity) or _LEAST in (left, right):
        return None
    difference = Total((left, negative(right)))
    values: list[Any] = [Evaluator({name: Fraction(x)}, 60).value(difference) for x in (0, 1, 2, 7)]
    if not all(isinstance(v, Fraction) for v in values):
        return None
    slope = values[1] - values[0]
    if slope == 0 or values[2] - values[1] != slope or values[3] - values[0] != 7 * slope:
        return None
    return Number(-values[0] / slope), slope < 0


def _combined(one: Region, operation: str, other: Region) -> Region:
    variable = one.variable or other.variable
    if operation == "union":
        return Region(_united([*one.pieces, *other.pieces]).pieces, variable)
    pieces = other.pieces if operation == "intersection" else _complement(other.pieces)
    found = []
    for low, high in one.pieces:
        for its_low, its_high in pieces:
            start = low if _order(low, its_low) >= 0 else its_low
            end = high if _order(high, its_high) <= 0 else its_high
            if _order(start, end) < 0:
                found.append((start, end))
    return Region(tuple(found), variable)


def _complement(pieces: tuple[tuple[Cut, Cut], ...]) -> tuple[tuple[Cut, Cut], ...]:
    edges = [Cut(_LEAST, True), *(cut for piece in pieces for cut in piece), Cut(_GREATEST, False)]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple((low, high) for low, high in pairs if _order(low, high) < 0)


def _united(pieces: list[tuple[Cut, Cut]]) -> Region:
    found: list[tuple[Cut, Cut]] = []
    for low, high in sorted(pieces, key=lambda piece: cmp_to_key(_order)(piece[0])):
        if _order(low, high) >= 0:
            continue
        if found and _order(low, found[-1][1]) <= 0:
            if _order(high, found[-1][1]) > 0:
                found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return Region(tuple(found))


def _order(one: Cut, other: Cut) -> int:
    """-1, 0 or 1, as the first cut is before the other, at it or behind it."""
    if equal(one.at, other.at):
        return one.after - other.after
    evaluator = Evaluator({}, 60)
    first, second = (evaluator._inexact(evaluator.value(cut.at)) for cut in (one, other))
    if evaluator.mp.im(first) or evaluator.mp.im(second):
        raise NoValue("an end that is not real")
    return -1 if first < second else 1
