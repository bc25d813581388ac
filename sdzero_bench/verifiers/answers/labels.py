"""Names in front of values, such as `x`, `f(2)`, `AB` or `a_n`: whether two of them can mean the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterable

_APPLIED = re.compile(r"([a-zA-Z]'*(?:_\w+)?(?:\^-?1)?)\((.+)\)")
_INDEXED = re.compile(r"(\\?[a-zA-Z]+)_(.+)")
_ANGLE = re.compile(r"m?\\angle([A-Z]{1,3})")
_POINTS = re.compile(r"\|?(?:\\(?:triangle|overline|vec|overrightarrow))?([A-Z]{2,4})\|?")
_VARIABLE = re.compile(r"([a-z])(?:_\w+)?")


def may_be_one(name: str, other: str) -> bool:
    """Whether two names can stand for one thing. What is called S here may be called A there, but f(2) is not f(3)."""
    if name == other:
        return True
    for kind in (_same_application, _same_index, _same_angle, _same_points):
        if (found := kind(name, other)) is not None:
            return found
    return True


def argument(name: str) -> str | None:
    """The variable of a function such as f(x); None for anything else."""
    applied = _APPLIED.fullmatch(name)
    return applied[2] if applied and re.fullmatch("[a-z]", applied[2]) else None


def variables(names: Iterable[str]) -> set[str]:
    """The single letters among names, without their indices."""
    return {found[1] for name in names if (found := _VARIABLE.fullmatch(name))}


def _same_application(name: str, other: str) -> bool | None:
    one, two = _APPLIED.fullmatch(name), _APPLIED.fullmatch(other)
    if one and two:
        return one[2] == two[2] or (argument(name) is not None and argument(other) is not None)
    if applied := one or two:
        return (other if one else name) not in applied[2].split(",")
    return None


def _same_index(name: str, other: str) -> bool | None:
    one, two = _INDEXED.fullmatch(name), _INDEXED.fullmatch(other)
    return one[2] == two[2] if one and two and one[1] == two[1] else None


def _same_angle(name: str, other: str) -> bool | None:
    one, two = _ANGLE.fullmatch(name), _ANGLE.fullmatch(other)
    if not one or not two:
        return None
    if len(one[1]) == len(two[1]) == 3 and set(one[1]) != set(two[1]):
        return False
    return _vertex(one[1]) == _vertex(two[1])


def _vertex(letters: str) -> str:
    return letters[1] if len(letters) == 3 else letters[0]


def _same_points(name: str, other: str) -> bool | None:
    one, two = _POINTS.fullmatch(name), _POINTS.fullmatch(other)
    return set(one[1]) == set(two[1]) if one and two else None
