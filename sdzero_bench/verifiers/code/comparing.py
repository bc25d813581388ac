"""When an output or a returned value counts as the expected one. Comparisons run outside the sandbox, on plain data.

Values are compared as in Python: 1 == 1.0 == True, a list never equals a tuple, nan never equals itself. A returned value that
is not plain data equals nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from sdzero_bench.verifiers.code.plain_values import as_json, close

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_LONGEST_NUMBER = 10_000
_FLOAT = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")


def same_tokens(given: str, expected: str, tolerance: float | None = None) -> bool:
    """Whether two outputs have the same tokens, separated by any white space.

    A `tolerance`, absolute or relative, applies where the expected token is a float; integers must match exactly.
    """
    ours, theirs = given.split(), expected.split()
    if tolerance is None or len(ours) != len(theirs):
        return ours == theirs
    return all(a == b or _close_token(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))


def same_lines(given: str, expected: str, tolerance: float) -> bool:
    """As LiveCodeBench compares outputs: as many lines, without the blank ones around them, and each the same, or the same
    numbers by value (`grade_stdio` in its lcb_runner/evaluation/testing_util.py).

    Two differences: a number is written in digits, so without the underscores that `Decimal` reads; and an expected decimal
    fraction has a `tolerance`, absolute or relative.
    """
    ours, theirs = ([line.strip() for line in text.strip().split("\n")] for text in (given, expected))
    return len(ours) == len(theirs) and all(a == b or _same_numbers(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))


def _same_numbers(given: str, expected: str, tolerance: float) -> bool:
    ours, theirs = given.split(), expected.split()
    return len(ours) == len(theirs) and all(_same_number(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))


def _same_number(given: str, expected: str, tolerance: float) -> bool:
    if len(given) > _LONGEST_NUMBER or not (_NUMBER.fullmatch(given) and _NUMBER.fullmatch(expected)):
        return given == expected
    return Decimal(given) == Decimal(expected) or _close_token(given, expected, tolerance)


def _close_token(given: str, expected: str, tolerance: float) -> bool:
    if not _FLOAT.fullmatch(expected) or not _NUMBER.fullmatch(given):
        return False
    try:
        return math.isclose(float(given), float(expected), rel_tol=tolerance, abs_tol=tolerance)
    except (ValueError, OverflowError):
        return False


Rule = Callable[[str, Sequence[object], object, object, float], bool]
"""(function, arguments, expected, given, atol) -> whether the given result is right."""


def equal(function: str, arguments: Sequence[object], expected: object, given: object, atol: float) -> bool:
    """Equal, or, with an `atol`, of the same type and close."""
    return bool(expected == given) or (atol > 0 and type(expected) is type(given) and close(given, expected, atol))


def json_equal(function: str, arguments: Sequence[object], expected: object, given: object, atol: float) -> bool:
    """Like `equal`, but tuples count as lists, as in JSON."""
    return equal(function, arguments, as_json(expected), as_json(given), atol)


def _evalplus(data_set: str) -> Rule:
    def rule(function: str, arguments: Sequence[object], expected: object, given: object, atol: float) -> bool:
        from sdzero_bench.verifiers.code.evalplus_rules import matches

        return matches(data_set, function, arguments, expected, given, atol)

    return rule


RULES: dict[str, Rule] = {
    "equal": equal,
    "json": json_equal,
    "evalplus humaneval": _evalplus("humaneval"),
    "evalplus mbpp": _evalplus("mbpp"),
}
"""Rules for comparing results of calls, by the name used in `CallTests.rule`."""
