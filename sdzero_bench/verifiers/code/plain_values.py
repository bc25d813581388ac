"""Plain data, as programs hand it over: numbers that are close, tuples as JSON has them."""

from __future__ import annotations

from typing import Any


def as_json(value: Any) -> Any:
    """The value with lists for tuples, at any depth."""
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return {key: as_json(item) for key, item in value.items()} if isinstance(value, dict) else value


def close(given: Any, expected: Any, atol: float, rtol: float = 1e-7) -> bool:
    """As `numpy.allclose`: |given - expected| <= atol + rtol * |expected|, item by item in lists and tuples."""
    if isinstance(expected, list | tuple):
        if not isinstance(given, list | tuple) or len(given) != len(expected):
            return False
        return all(close(a, b, atol, rtol) for a, b in zip(given, expected, strict=True))
    if isinstance(expected, int | float | complex) and isinstance(given, int | float | complex):
        try:
            return bool(given == expected or abs(given - expected) <= atol + rtol * abs(expected))
        except OverflowError:  # an integer that no float can hold
            return False
    return bool(given == expected)
