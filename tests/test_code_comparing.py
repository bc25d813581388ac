"""When outputs and results count as the expected ones."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from sdzero_bench.verifiers.code.comparing import RULES, close, same_lines, same_tokens


class Stranger:
    """Claims to be equal to everything, as a hostile result would; what leaves the sandbox is no such object."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("given", "expected", "exact", "close"),
    [
        ("3\n", "3", True, True),
        (" 1  2\r\n\n3 ", "1 2\n3\n", True, True),
        ("1 2", "1 2 3", False, False),
        ("12", "1 2", False, False),
        ("YES", "Yes", False, False),
        ("0.3333333", "0.33333331", False, True),
        ("0.34", "0.33", False, False),
        ("1e3", "1000.0", False, True),
        ("1000000001", "1000000000", False, False),
        ("3.0", "3", False, False),
        ("3", "3.0", False, True),
        ("nan", "1.0", False, False),
        ("", "1.0", False, False),
        ("", "", True, True),
    ],
)
def test_outputs_are_compared_token_by_token(given: str, expected: str, exact: bool, close: bool) -> None:
    assert same_tokens(given, expected) is exact
    assert same_tokens(given, expected, 1e-6) is close


@pytest.mark.parametrize(
    ("given", "expected", "same"),
    [
        ("3.0 4", "3 4", True),
        ("1 2\r\n3\r\n", "1 2\n3", True),
        ("1 2 3", "1 2\n3", False),  # as many lines
        ("1000001", "1000000", False),  # no tolerance for integers
        ("50000000000000001", "50000000000000000", False),
        ("1e2", "100", True),
        ("1_000", "1000", False),
        ("\u0663", "3", False),  # a digit, but of another script
        ("0.3333334", "0.333333333", True),
        ("inf", "1.5", False),
        ("nan", "nan", True),  # the same text
        ("9" * 100_000, "1", False),
        ("1e9999", "1.5", False),
        ("Yes 1.0", "Yes 1", True),
        ("yes 1", "Yes 1", False),
    ],
)
def test_outputs_are_compared_line_by_line(given: str, expected: str, same: bool) -> None:
    assert same_lines(given, expected, 1e-6) is same


def test_a_set_is_compared_without_making_one_of_what_has_no_end() -> None:
    from sdzero_bench.verifiers.code.evalplus_rules import matches

    assert matches("mbpp", "similar_elements", [(4, 5), (5, 4)], (4, 5), [5, 4, 5], 0)
    assert not matches("mbpp", "similar_elements", [(4, 5), (5, 4)], (4, 5), range(10**11), 0)
    assert not matches("mbpp", "similar_elements", [(4, 5), (5, 4)], (4, 5), [5], 0)


def test_tokens_do_not_depend_on_white_space() -> None:
    rng = random.Random(0)
    for _ in range(200):
        tokens = [rng.choice(["1", "-2", "0.5", "abc", "YES"]) for _ in range(rng.randrange(8))]
        one, two = ("".join(t + rng.choice([" ", "\n", "  ", "\t\r\n"]) for t in tokens) for _ in range(2))
        assert same_tokens(one, two)
        assert same_tokens(one, two, 1e-9)
        assert not same_tokens(one + " 7", two)


@pytest.mark.parametrize(
    ("expected", "given", "verdict"),
    [
        (1, 1, True),
        (1, True, True),
        (1, 1.0, True),
        ([1], (1,), False),
        ((1, [2]), (1, [2]), True),
        ({1: {2}}, {1: {2}}, True),
        ("1", 1, False),
        (None, False, False),
        (math.nan, math.nan, False),
        (0.3, 0.1 + 0.2, False),
        (1, Stranger(), False),
    ],
)
def test_results_are_compared_as_python_does(expected: Any, given: Any, verdict: bool) -> None:
    assert RULES["equal"]("f", [], expected, given, 0.0) is verdict


def test_a_tolerance_is_for_results_of_the_same_type() -> None:
    rule = RULES["equal"]
    assert rule("f", [], [0.3, 1.0], [0.1 + 0.2, 1.0], 1e-9)
    assert not rule("f", [], [0.3], (0.1 + 0.2,), 1e-9)
    assert not rule("f", [], 0.3, "0.3", 1e-9)
    assert not rule("f", [], [0.3, 1.0], [0.3], 1e-9)


def test_for_json_a_tuple_is_a_list_at_any_depth() -> None:
    rule = RULES["json"]
    assert rule("f", [], [[1, 2], {"a": [3]}], ([1, 2], {"a": (3,)}), 0.0)
    assert not rule("f", [], [1, 2], {1, 2}, 0.0)


def test_closeness_is_numpys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        a = rng.normal(size=3)
        b = a + rng.choice([0, 1e-9, 1e-6, 2e-6, 1e-3], size=3)
        assert close(a.tolist(), b.tolist(), 1e-6) == np.allclose(a, b, rtol=1e-7, atol=1e-6)
    assert not close(10**400, 1.5, 1e-6)
    assert not close("1", 1.0, 1e-6)
