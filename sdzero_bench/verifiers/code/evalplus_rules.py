"""The comparison of EvalPlus (Liu et al. 2023, arXiv 2305.01210), outside the sandbox: equality, a tolerance for floats, and
the special cases of single problems in `evalplus.eval.unsafe_execute`. The oracles are evalplus's own.

Two differences from evalplus 0.3.1, where it is inconsistent. It never records a right result for HumanEval/32, `find_zero`,
so that no program passes, not even its reference solution (github.com/evalplus/evalplus/pull/201); here its oracle decides.
And once a call has returned floats, evalplus applies the tolerance to all later calls of the function, whatever their type;
here each result is compared by its own expected value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.code.plain_values import close

INSTALL = "evalplus is not installed; pip install 'sdzero-bench[harness]'"


def require_evalplus() -> None:
    """Raise `UserError` if the package evalplus is not installed."""
    from importlib.util import find_spec

    if find_spec("evalplus") is None:
        raise UserError(INSTALL)


def shows_only_presence(function: str) -> bool:
    """Whether only the presence of a result is compared for this MBPP+ function, such as a regular expression's match."""
    from evalplus.eval import _special_oracle as oracle

    return function in oracle.MBPP_OUTPUT_NOT_NONE_TASKS


def matches(data_set: str, function: str, arguments: Sequence[object], expected: object, given: object, atol: float) -> bool:
    """Whether EvalPlus would accept `given`; `data_set` is "humaneval" or "mbpp"."""
    try:
        return _matches(data_set, function, arguments, expected, given, atol)
    except (TypeError, ValueError, ArithmeticError, RecursionError):  # a value that the oracle does not support is wrong
        return False


def _matches(data_set: str, function: str, arguments: Sequence[Any], expected: Any, given: Any, atol: float) -> bool:
    exact = bool(given == expected)
    if data_set == "humaneval" and function == "find_zero":
        from evalplus.eval import _special_oracle as oracle

        return _moderate(given) and bool(abs(oracle._poly(*arguments, given)) <= atol)
    if data_set == "mbpp":
        from evalplus.eval import _special_oracle as oracle

        if function == "are_equivalent":
            return True
        if function == "sum_div":
            exact = exact or given == 0
        elif function == "surface_Area":
            exact = exact or (_moderate(given) and abs(given - oracle._surface_Area(*arguments)) <= atol)
        elif function == "digit_distance_nums":
            exact = exact or given == oracle._digit_distance_nums(*arguments)
        elif function in oracle.MBPP_OUTPUT_SET_EQ_TASKS:
            exact = _same_set(given, set(expected))
        elif function in oracle.MBPP_OUTPUT_NOT_NONE_TASKS:
            exact = given == expected if isinstance(given, bool) else expected == (given is not None)
    if exact:
        return True
    if atol == 0 and _floats(expected):
        atol = 1e-6
    if atol == 0 or type(given) is not type(expected):
        return False
    return close(given, expected, atol, integers=True)


def _moderate(given: object) -> bool:
    """Whether it is a number with which the oracles compute in no time."""
    return isinstance(given, int | float) and abs(given) < 1e300


def _same_set(given: Any, expected: set[Any]) -> bool:
    """Like `set(given) == expected`, without making a set of what may be an endless range or have colliding hashes."""
    found = set()
    for item in given:
        if item not in expected:
            return False
        found.add(item)
    return len(found) == len(expected)


def _floats(value: object) -> bool:
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)
