"""Exact integers and fractions: their size, their roots, and a number in place of one that is not computed."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction

from sdzero_bench.verifiers.answers.nodes import Node


def bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def exact_root(value: int, n: int) -> int | None:
    """The n-th root of an integer, if it is one."""
    if value < 2:
        return value
    if n == 2:
        root = math.isqrt(value)
    elif value.bit_length() > 5000:
        return None
    else:
        root = round(value ** (1 / n)) if value.bit_length() < 50 else _integer_root(value, n)
    return root if root**n == value else None


def _integer_root(value: int, n: int) -> int:
    if n >= value.bit_length():
        return 1
    low, high = 1, 1 << (value.bit_length() // n + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**n <= value:
            low = middle
        else:
            high = middle - 1
    return low


def stand_in(nodes: tuple[Node, ...]) -> Fraction:
    """A number in place of a value that is not computed: the same for the same formula, and like no other."""
    digest = hashlib.sha256(repr(nodes).encode()).digest()
    return Fraction(int.from_bytes(digest[:12], "big"), 2**80 + 1)
