"""When outputs and results count as the expected ones."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from sdzero_bench.verifiers.code.comparing import RULES, close, same_tokens


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
