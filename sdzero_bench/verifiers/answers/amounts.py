"""Whether two quantities are the same, in whatever units, per cent or degrees."""

from __future__ import annotations

from fractions import Fraction

from sdzero_bench.verifiers.answers.equality import equal
from sdzero_bench.verifiers.answers.nodes import Node, Number, Product, Quotient, Symbol, Total, children
from sdzero_bench.verifiers.answers.statements import Compound, Quantity
from sdzero_bench.verifiers.answers.units import Unit


def same_quantity(gold: Quantity, answer: Quantity) -> bool:
    kinds = {_kind(gold), _kind(answer)}
    if kinds == {"angle", "radians"}:
        angle, other = (gold, answer) if gold.degrees else (answer, gold)
        return equal(_radians(angle), other.value)
    if len(kinds) == 2 and None not in kinds:
        return False
    if gold.unit is not None and answer.unit is not None:
        if gold.unit.dimension != answer.unit.dimension:
            return False
        if gold.unit.scale != answer.unit.scale:
            return equal(_scaled(gold.value, gold.unit.scale), _scaled(answer.value, answer.unit.scale))
    if gold.percent == answer.percent:
        if gold.degrees != answer.degrees and {gold.degrees, answer.degrees} == {True, False}:
            angle, other = (gold, answer) if gold.degrees else (answer, gold)
            return equal(_radians(angle), other.value) or (not _has_pi(other.value) and equal(angle.value, other.value))
        return equal(gold.value, answer.value)
    percent, plain = (gold, answer) if gold.percent else (answer, gold)
    return equal(percent.value, plain.value) or equal(_scaled(percent.value, Fraction(1, 100)), plain.value)


def _kind(quantity: Quantity) -> str | None:
    """What it is measured in; None for a plain number, which may leave out what the question asks for."""
    if quantity.percent:
        return "percent"
    if quantity.degrees:
        return "angle"
    return quantity.unit.dimension if quantity.unit else None


def _radians(angle: Quantity) -> Node:
    return Product((angle.value, Quotient(Symbol("pi"), Number(Fraction(180)))))


def _has_pi(node: Node) -> bool:
    return node == Symbol("pi") or any(map(_has_pi, children(node)))


def same_measure(measure: Compound, other: Quantity) -> bool:
    return other.unit is not None and same_quantity(total(measure), other)


def total(measure: Compound) -> Quantity:
    terms = []
    for part in measure.parts:
        assert part.unit is not None
        terms.append(_scaled(part.value, part.unit.scale))
        dimension = part.unit.dimension
    return Quantity(Total(tuple(terms)), Unit(dimension, Fraction(1)))


def _scaled(value: Node, scale: Fraction) -> Node:
    return Product((value, Number(scale)))
