"""What an answer can be, beyond a formula: a quantity, a list, a tuple, an interval, an equation, words."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.verifiers.answers.nodes import Node
from sdzero_bench.verifiers.answers.units import Unit


@dataclass(frozen=True)
class Quantity:
    """A formula, with what it counts or is measured in."""

    value: Node
    unit: Unit | None = None
    percent: bool = False
    degrees: bool = False


@dataclass(frozen=True)
class Compound:
    """A measure in several units, such as 2 hours 30 minutes."""

    parts: tuple[Quantity, ...]


@dataclass(frozen=True)
class Words:
    """An answer in words, in lower case and without punctuation."""

    text: str


@dataclass(frozen=True)
class Letter:
    """A single letter: a choice, a name or a variable."""

    name: str


@dataclass(frozen=True)
class Several:
    """Items in a list without brackets, joined by commas or by words such as `and`."""

    items: tuple[Statement, ...]
    joined: str
    """ "," or "or" or "and"."""


@dataclass(frozen=True)
class Bracketed:
    """A point, a vector or an interval."""

    opening: str
    items: tuple[Statement, ...]
    closing: str


@dataclass(frozen=True)
class Braced:
    """A set in braces."""

    items: tuple[Statement, ...]


@dataclass(frozen=True)
class Combined:
    """Sets joined by union, intersection or difference, from left to right."""

    first: Statement
    rest: tuple[tuple[str, Statement], ...]


@dataclass(frozen=True)
class Space:
    """A named set of numbers such as R."""

    name: str


@dataclass(frozen=True)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]
    determinant: bool = False


@dataclass(frozen=True)
class Named:
    """A value with its name in front, such as `x = 5` or `f(x) = 2x`."""

    names: tuple[str, ...]
    value: Statement
    as_equation: Node | None = None
    """Left side minus right side, if both are formulas."""
    formula: bool = False
    """Whether the name is a formula of variables, such as m + n, which a response may restate in front of its value."""


@dataclass(frozen=True)
class Equation:
    """Left side minus right side, which is 0."""

    difference: Node


@dataclass(frozen=True)
class Inequality:
    """Formulas compared by <, <=, !=, > and >=, such as 0 < x <= 2."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Ratio:
    """Numbers with colons between them; a time of day, if `clock`."""

    parts: tuple[Node, ...]
    clock: bool
    half: str | None = None
    """am or pm."""


@dataclass(frozen=True)
class Numeral:
    """Digits in a base other than ten."""

    digits: str
    base: int


@dataclass(frozen=True)
class Residue:
    value: Statement
    modulus: Node


Statement = (
    Quantity
    | Compound
    | Words
    | Letter
    | Several
    | Bracketed
    | Braced
    | Combined
    | Space
    | Matrix
    | Named
    | Equation
    | Inequality
    | Ratio
    | Numeral
    | Residue
)
