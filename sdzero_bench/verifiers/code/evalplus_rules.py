"""The comparison of EvalPlus (Liu et al. 2023, arXiv 2305.01210), outside the sandbox: equality, floats within a tolerance, and
the exceptions that `evalplus.eval.unsafe_execute` makes for single problems. The oracles are evalplus's own.

Two departures from evalplus 0.3.1, where it contradicts itself. It never records a right result of HumanEval/32, `find_zero`,
so that no program can pass there, its reference solution included (github.com/evalplus/evalplus/pull/201); here its oracle
decides. And once a call of a function has returned floats, its tolerance holds for the calls after it, of whatever type; here
each result is compared by what is expected of it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.code.plain_values import close

INSTALL = "evalplus is not installed; pip install 'sdzero-bench[harness]'"


def require_evalplus() -> None:
    """Raises `UserError` if the package evalplus is not installed."""
    from importlib.util import find_spec

    if find_spec("evalplus") is None:
        raise UserError(INSTALL)


def shows_only_presence(function: str) -> bool:
    """Whether the reference result of an MBPP+ function is kept only as whether it is None: a regular expression's match."""
    from evalplus.eval import _special_oracle as oracle

    return function in oracle.MBPP_OUTPUT_NOT_NONE_TASKS


def matches(data_set: str, function: str, arguments: Sequence[Any], expected: Any, given: Any, atol: float) -> bool:
    """Whether EvalPlus would take `given` for right; `data_set` is "humaneval" or "mbpp"."""
    try:
        return _matches(data_set, function, arguments, expected, given, atol)
    except (TypeError, ValueError, OverflowError):  # a value of a type that the oracle cannot work with is wrong
        return False


def _matches(data_set: str, function: str, arguments: Sequence[Any], expected: Any, given: Any, atol: float) -> bool:
    exact = bool(given == expected)
    if data_set == "humaneval" and function == "find_zero":
        from evalplus.eval import _special_oracle as oracle

        return abs(oracle._poly(*arguments, given)) <= atol
    if data_set == "mbpp":
        from evalplus.eval import _special_oracle as oracle

        if function == "are_equivalent":
            return True
        if function == "sum_div":
            exact = exact or given == 0
        elif function == "surface_Area":
            exact = exact or abs(given - oracle._surface_Area(*arguments)) <= atol
        elif function == "digit_distance_nums":
            exact = exact or given == oracle._digit_distance_nums(*arguments)
        elif function in oracle.MBPP_OUTPUT_SET_EQ_TASKS:
            exact = set(given) == set(expected)
        elif function in oracle.MBPP_OUTPUT_NOT_NONE_TASKS:
            exact = given == expected if isinstance(given, bool) else expected == (given is not None)
    if exact:
        return True
    if atol == 0 and _floats(expected):
        atol = 1e-6
    if atol == 0 or type(given) is not type(expected):
        return False
    return close(given, expected, atol)


def _floats(value: Any) -> bool:
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)
