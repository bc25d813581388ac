"""Solves countdown questions by exhaustive search, for data that comes without solutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

Term = tuple[Fraction, str]


def solution(numbers: Sequence[int], target: int) -> str | None:
    """An expression that uses each number exactly once, with + - * /, and equals the target; None if there is none.

    Takes milliseconds for four numbers, and a hundred times as long for each further one.
    """
    return _search([(Fraction(number), str(number)) for number in numbers], Fraction(target))


def _search(terms: list[Term], target: Fraction) -> str | None:
    if len(terms) == 1:
        return terms[0][1] if terms[0][0] == target else None
    for i, j in combinations(range(len(terms)), 2):
        rest = [term for k, term in enumerate(terms) if k not in (i, j)]
        for made in _combined(terms[i], terms[j]):
            if (found := _search([*rest, made], target)) is not None:
                return found
    return None


def _combined(one: Term, other: Term) -> Iterator[Term]:
    (a, x), (b, y) = one, other
    yield a + b, f"({x} + {y})"
    yield a * b, f"({x} * {y})"
    yield a - b, f"({x} - {y})"
    yield b - a, f"({y} - {x})"
    if b:
        yield a / b, f"({x} / {y})"
    if a:
        yield b / a, f"({y} / {x})"
