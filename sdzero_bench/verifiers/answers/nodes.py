"""Formulas as trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Number:
    """A number as typed. `digits`: significant digits behind a decimal point, 0 if it has none: then it is exact."""

    value: Fraction
    last_place: Fraction | None = None
    """The value of one unit of its last digit, if it was typed as a decimal without repeating digits."""
    significant: int = 0
    """How many significant digits such a decimal has."""


@dataclass(frozen=True)
class Symbol:
    name: str


@dataclass(frozen=True)
class Infinity:
    pass


@dataclass(frozen=True)
class Total:
    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Product:
    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Quotient:
    above: Node
    below: Node


@dataclass(frozen=True)
class Power:
    base: Node
    exponent: Node


@dataclass(frozen=True)
class Root:
    inside: Node
    degree: Node


@dataclass(frozen=True)
class Degrees:
    """An angle in degrees."""

    angle: Node


@dataclass(frozen=True)
class PlusMinus:
    """`sign` is 1 for a plus above a minus, and -1 for a minus above a plus."""

    value: Node
    sign: int


@dataclass(frozen=True)
class Call:
    """A function; `name` as in `evaluation.py`."""

    name: str
    arguments: tuple[Node, ...]


Node = Number | Symbol | Infinity | Total | Product | Quotient | Power | Root | Degrees | PlusMinus | Call

ONE = Number(Fraction(1))
MINUS_ONE = Number(Fraction(-1))


def negative(node: Node) -> Node:
    return Product((MINUS_ONE, node))


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Total(nodes) | Product(nodes) | Call(_, nodes):
            return nodes
        case Quotient(a, b) | Power(a, b) | Root(a, b):
            return (a, b)
        case Degrees(a) | PlusMinus(a):
            return (a,)
    return ()


def symbols(node: Node) -> frozenset[str]:
    """The names of its variables. The constants e, i and pi are none."""
    if isinstance(node, Symbol):
        return frozenset() if node.name in CONSTANTS else frozenset([node.name])
    return frozenset().union(*(symbols(child) for child in children(node)))


def has_plus_minus(node: Node) -> bool:
    return isinstance(node, PlusMinus) or any(has_plus_minus(child) for child in children(node))


def with_sign(node: Node, upper: bool) -> Node:
    """The formula with the upper or the lower sign of every plus-minus."""
    if isinstance(node, PlusMinus):
        inner = with_sign(node.value, upper)
        return inner if (node.sign > 0) == upper else negative(inner)
    return _changed(node, lambda child: with_sign(child, upper))


def renamed(node: Node, name: str, to: str) -> Node:
    """The formula with another name for one of its variables."""
    if node == Symbol(name):
        return Symbol(to)
    return _changed(node, lambda child: renamed(child, name, to))


def _changed(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with changed children."""
    match node:
        case Total(nodes):
            return Total(tuple(map(change, nodes)))
        case Product(nodes):
            return Product(tuple(map(change, nodes)))
        case Call(name, nodes):
            return Call(name, tuple(map(change, nodes)))
        case Quotient(a, b):
            return Quotient(change(a), change(b))
        case Power(a, b):
            return Power(change(a), change(b))
        case Root(a, b):
            return Root(change(a), change(b))
        case Degrees(a):
            return Degrees(change(a))
        case PlusMinus(a, sign):
            return PlusMinus(change(a), sign)
    return node


CONSTANTS = {"e", "i", "pi"}
