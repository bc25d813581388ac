"""Files of judged cases become input of `sdzero-bench verify`, and its verdicts are held against what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from sdzero_bench.runs.verify.response_lines import FORMS
from sdzero_bench.verifiers.code.extraction import extract_program
from tools.judged_responses import as_expected, converted


def test_cases_become_lines_of_responses() -> None:
    math = {"kind": "math", "gold": "2", "response": "2", "expected": 1, "why": "a number"}
    assert converted(math) == {
        "answer": "2",
        "response": "2",
        "metadata": {"kind": "math", "name": "a number", "rewards": [1]},
    }
    program = {"name": "a", "language": "python", "program": 's = """\n```\n"""\n', "tests": {"form": "stdio"}, "limits": None}
    line = converted({**program, "expected": "passes"})
    assert line is not None
    assert extract_program(str(line["response"]), "python") == program["program"]
    assert [key for key in line if key in FORMS] == ["tests"]
    assert converted({"kind": "stdio"}) is None


@pytest.mark.parametrize(
    ("words", "verdict", "expected"),
    [
        ("passes", {"reward": 1, "outcome": "passed", "detail": "passed 2 of 2"}, True),
        ("passes", {"reward": None, "outcome": "error", "detail": ""}, False),
        ("nothing passes", {"reward": 0, "outcome": "time", "detail": "passed 0 of 2; test 1: time"}, True),
        ("nothing passes", {"reward": 0, "outcome": "time", "detail": "passed 1 of 2; test 2: time"}, False),
        ("nothing passes", {"reward": 0, "outcome": "no program", "detail": "no program in the response"}, True),
        ("memory exception", {"reward": 0, "outcome": "exception", "detail": ""}, True),
        ("memory exception", {"reward": 0, "outcome": "time", "detail": ""}, False),
        ("a 0, or a compile error", {"reward": 0, "outcome": "exit", "detail": ""}, True),
        ("a 0, or a compile error", {"reward": None, "outcome": "error", "detail": ""}, False),
    ],
)
def test_words_say_which_verdicts_are_accepted(words: str, verdict: dict[str, Any], expected: bool) -> None:
    assert as_expected({**verdict, "metadata": {"words": words}}) is expected
