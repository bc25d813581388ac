"""Forms of tests: what is read, and what is refused before anything is sampled."""

from __future__ import annotations

import ast
import json
import math
import random
from typing import Any

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.code.literals import Digest, read_literal, write_literal
from sdzero_bench.verifiers.code.test_forms import AssertTests, CallTests, StdioTests, parse_tests
from sdzero_bench.verifiers.sandbox.free_names import free_names

STDIO = {"form": "stdio", "inputs": ["1 2\n"], "outputs": ["3\n"]}
CALLS = {"form": "calls", "function": "add", "calls": ["(1, 2)", "[0, 0]"], "expected": ["3", "0"]}
ASSERTS = {"form": "asserts", "tests": ["assert add(1, 2) == 3"]}


@pytest.mark.parametrize(("data", "form"), [(STDIO, StdioTests), (CALLS, CallTests), (ASSERTS, AssertTests)])
def test_each_form_is_read_and_survives_json(data: dict[str, Any], form: type) -> None:
    tests = parse_tests(data, "q")
    assert isinstance(tests, form)
    assert parse_tests(json.loads(tests.model_dump_json()), "q") == tests
    assert len(tests) == (2 if form is CallTests else 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "has no tests"),
        ([], "has no tests"),
        ({"form": "stdios"}, "did you mean 'stdio'"),
        ({"inputs": []}, "unknown form"),
        ({**STDIO, "inputs": []}, "inputs: .* at least 1"),
        ({**STDIO, "outputs": []}, "1 inputs, but 0 outputs"),
        ({**STDIO, "inputs": [1]}, "inputs.0: .*string"),
        ({**STDIO, "comparison": "x"}, "comparison: extra"),
        ({**STDIO, "compare": "fuzzy"}, "compare: "),
        ({**CALLS, "calls": [], "expected": []}, "calls: .* at least 1"),
        ({**CALLS, "expected": ["3"]}, "2 calls, but 1 expected"),
        ({**CALLS, "calls": ["(1, 2)", "0"]}, "not a list or tuple"),
        ({**CALLS, "calls": ["(1, 2)", "(open('x'),)"]}, "not a plain Python value"),
        ({**CALLS, "expected": ["3", "zero"]}, "not a plain Python value"),
        ({**CALLS, "function": "a.b.c"}, "function: "),
        ({**CALLS, "rule": "equals"}, "did you mean 'equal'"),
        ({**ASSERTS, "tests": []}, "tests: .* at least 1"),
        ({**ASSERTS, "tests": ["assert add(1, 2) = 3"]}, "not valid Python"),
        ({**ASSERTS, "tests": ["assert 1 == 1"]}, "use nothing that the program defines"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(data: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"(?i){message}") as error:
        parse_tests(data, "question-7")
    assert "question-7" in str(error.value)


def test_names_are_what_the_tests_need_of_the_program() -> None:
    setup = "import math\nroot = Node(1)\ndef helper(x):\n    local = x\n    return distance(local)"
    assert free_names([setup, "assert math.isclose(depth(root), helper(2)) and [t for t in (1,)]"]) == [
        "Node",
        "depth",
        "distance",
    ]
    given = parse_tests({"form": "asserts", "tests": ["assert sum([1]) == 1"], "names": ["sum"]}, "q")
    assert isinstance(given, AssertTests)
    assert given.names == ("sum",)


def plain(rng: random.Random, depth: int = 3) -> Any:
    leaves = [None, True, False, 0, -7, 10**50, 1.5, -0.0, math.inf, -math.inf, 1 + 2j, "a'\n\"", b"\x00", ""]
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(leaves)
    items = [plain(rng, depth - 1) for _ in range(rng.randrange(4))]
    hashable = [x for x in items if not isinstance(x, list | dict | set | tuple)]
    return rng.choice([items, tuple(items), set(hashable[:1]), dict.fromkeys(hashable, items), {(1, 2): items}])


def test_literals_come_back_with_their_types() -> None:
    rng = random.Random(0)
    for _ in range(2000):
        value = plain(rng)
        text = write_literal(value)
        again = read_literal(text)
        assert again == value
        # Each text says the types too: 1, 1.0 and True are equal.
        assert write_literal(again) == text
    assert math.isnan(read_literal(write_literal([math.nan]))[0])
    assert read_literal("'inf'") == "inf"


def test_long_numbers_are_literals_too() -> None:
    for value in (10**99, 10**100, -(10**5000), 3**20_000):
        assert read_literal(write_literal(value)) == value


def test_a_literal_that_python_writes_is_read_as_python_reads_it() -> None:
    rng = random.Random(1)
    for _ in range(500):
        value = plain(rng)
        if "inf" not in repr(value):
            assert read_literal(repr(value)) == ast.literal_eval(repr(value)) == value


@pytest.mark.parametrize("text", ["", "x", "f(1)", "[1", "1; 2", "__import__('os')", "{}.get", "1 if x else 2", "(" * 10_000])
def test_no_other_text_is_a_literal(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain Python value"):
        read_literal(text)


def test_no_other_value_has_a_literal() -> None:
    with pytest.raises(TypeError, match="a range is not a plain value"):
        write_literal([range(3)])


def test_a_digest_matches_what_is_equal_and_nothing_else() -> None:
    value = [1, 2.5, "a", (True, None)]
    digest = Digest.of(value)
    for same in (value, [1.0, 2.5, "a", (1, None)], [True, 2.5, "a", (1.0, None)]):
        assert same == value
        assert digest.matches(same)
    for other in (
        [1, 2.5, "a", [True, None]],
        [1, 2.5, "a"],
        [1, 2.5, "b", (True, None)],
        tuple(value),
        {1},
        [1, "2.5", "a", (1, None)],
    ):
        assert other != value
        assert not digest.matches(other)
    assert Digest.of(["a,b"]) != Digest.of(["a", "b"])
    tests = parse_tests({**CALLS, "expected": [f"sha256:{Digest.of(3).sha256}", "0"]}, "q")
    assert isinstance(tests, CallTests)
    assert tests.results() == [Digest.of(3), 0]
