"""Helpers for comparing plain data: approximate equality, and tuples as lists."""

from __future__ import annotations


def as_json(value: object) -> object:
    """The value with tuples replaced by lists, at any depth."""
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return {key: as_json(item) for key, item in value.items()} if isinstance(value, dict) else value


def close(given: object, expected: object, atol: float, rtol: float = 1e-7, integers: bool = False) -> bool:
    """Like `numpy.allclose`: |given - expected| <= atol + rtol * |expected|, element by element in lists and tuples.

    integers:
        Whether two integers may differ too; otherwise they have to be equal.
    """
    if isinstance(expected, list | tuple):
        if not isinstance(given, list | tuple) or len(given) != len(expected):
            return False
        return all(close(a, b, atol, rtol, integers) for a, b in zip(given, expected, strict=True))
    if not integers and isinstance(expected, int) and isinstance(given, int):
        return given == expected
    if isinstance(expected, int | float | complex) and isinstance(given, int | float | complex):
        try:
            return bool(given == expected or abs(given - expected) <= atol + rtol * abs(expected))
        except OverflowError:  # an integer too large for a float
            return False
    return bool(given == expected)
