"""The comparison of EvalPlus, held against evalplus itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from code_tasks import code_task, rows_of, verify_all, write_rows
from evalplus.eval import PASS, untrusted_check
from mutants import mutants
from small_runs import command, finished

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.programs.code_task import fenced
from sdzero_bench.verifiers.code.evalplus_rules import matches

PAIRS: list[tuple[str, str, list[Any], Any, Any, float]] = [
    ("humaneval", "f", [1], 1, 1.0, 0),
    ("humaneval", "f", [1], 1, "1", 0),
    ("humaneval", "f", [1], [1, 2], (1, 2), 0),
    ("humaneval", "f", [1], 0.3, 0.1 + 0.2, 0),
    ("humaneval", "f", [1], 0.3, 0.30001, 0),
    ("humaneval", "f", [1], 0.3, 0.30001, 1e-4),
    ("humaneval", "f", [1], [0.3, 1.0], [0.1 + 0.2, 1.0], 0),
    ("humaneval", "f", [1], [0.3, 1.0], [0.1 + 0.2, 1.0, 2.0], 0),
    ("humaneval", "f", [1], [0.3, 1], [0.1 + 0.2, 1], 0),
    ("humaneval", "f", [1], (0.3,), [0.1 + 0.2], 0),
    ("humaneval", "f", [1], 10**9, 10**9 + 1, 0),
    ("humaneval", "f", [1], "a", "b", 1e-4),
    ("humaneval", "f", [1], [], [], 0),
    ("mbpp", "are_equivalent", [36, 57], False, True, 0),
    ("mbpp", "sum_div", [7], 1, 0, 0),
    ("mbpp", "sum_div", [7], 1, 2, 0),
    ("mbpp", "surface_Area", [3, 4], 33, 35, 0),
    ("mbpp", "surface_Area", [3, 4], 33, 33, 0),
    ("mbpp", "surface_Area", [3, 4], 33, 34.6, 0),
    ("mbpp", "digit_distance_nums", [1, 23], 9, 4, 0),
    ("mbpp", "digit_distance_nums", [1, 23], 4, 5, 0),
    ("mbpp", "similar_elements", [(1, 2), (2, 1)], (1, 2), [2, 1, 1], 0),
    ("mbpp", "similar_elements", [(1, 2), (2, 1)], (1, 2), (1,), 0),
    ("mbpp", "similar_elements", [(1, 2), (2, 1)], (1, 2), 3, 0),
    ("mbpp", "check_str", ["a"], True, "anything", 0),
    ("mbpp", "check_str", ["a"], True, None, 0),
    ("mbpp", "check_str", ["a"], False, None, 0),
    ("mbpp", "check_str", ["a"], True, False, 0),
]


@pytest.mark.parametrize(("data_set", "function", "arguments", "expected", "given", "atol"), PAIRS)
def test_every_rule_is_that_of_evalplus(
    data_set: str, function: str, arguments: list[Any], expected: Any, given: Any, atol: float
) -> None:
    program = f"def {function}(*arguments):\n    return {given!r}"
    theirs, _ = untrusted_check(data_set, program, [arguments], function, [expected], atol, [0.1], fast_check=True)
    assert matches(data_set, function, arguments, expected, given, atol) == (theirs == PASS)


def test_any_zero_of_a_polynomial_is_right_where_evalplus_lets_no_program_pass() -> None:
    cubic = [-6, 11, -6, 1]  # (x - 1)(x - 2)(x - 3)
    verdicts = {x: matches("humaneval", "find_zero", [cubic], 1.0, x, 1e-4) for x in (1.0, 2.00001, 3, 2.5, None, "1", 1e300)}
    assert verdicts == {1.0: True, 2.00001: True, 3: True, 2.5: False, None: False, "1": False, 1e300: False}
    program = "def find_zero(xs):\n    return 1.0"
    assert untrusted_check("humaneval", program, [[cubic]], "find_zero", [1.0], 1e-4, [0.1])[0] != PASS


@pytest.mark.parametrize("name", ["humaneval_plus", "mbpp_plus"])
def test_reference_solutions_pass_and_constants_fail(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    task = code_task(name)
    questions = list(task.load("test"))
    right = verify_all(task, [(q, task.demonstration(q) or "") for q in questions])
    assert [verdict.reward for verdict in right] == [1.0] * len(questions)
    constant = [(q, fenced(f"def {q.details['tests']['function']}(*arguments):\n    return None")) for q in questions]
    assert [verdict.reward for verdict in verify_all(task, constant)] == [0.0] * len(questions)
    # What was computed is read again, and a cache that is damaged is computed again.
    for file in tmp_path.rglob("*.json"):
        file.write_text("torn")
    assert [q.details for q in task.load("test")] == [q.details for q in questions]


def test_inputs_come_back_as_the_values_that_they_stand_for(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    similar = code_task("mbpp_plus").load("test")[0]
    assert similar.details["tests"]["calls"][0] == "[(3, 4), (5, 4)]"


def test_a_reference_solution_that_fails_is_an_error_before_anything_is_sampled(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for change, message in (
        ({"canonical_solution": "    return 1 // 0\n"}, "fails its call 1, .*ZeroDivisionError"),
        ({"canonical_solution": "    return lambda: 0\n"}, "does not return plain data for call 1"),
        ({"canonical_solution": "    return (\n"}, "does not run"),
        ({"plus_input": "x"}, "plus_input of HumanEval/0 is not a list of lists"),
        ({"atol": None}, "atol of HumanEval/0 is not a number"),
    ):
        rows = rows_of("humaneval_plus")
        rows[0] |= change
        with pytest.raises(UserError, match=message):
            code_task("humaneval_plus", write_rows(tmp_path / "rows.jsonl", rows)).load("test")


TOO_LARGE = "    if numbers == [12345]:\n        return bytearray(3 << 30)\n"
"""More than the memory that reference solutions have, for one of the calls."""


def test_calls_whose_results_exceed_the_limits_are_left_out_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, second = rows_of("humaneval_plus")[:2]
    first["canonical_solution"] = TOO_LARGE + first["canonical_solution"]
    first["plus_input"] = [[[12345]], *first["plus_input"], [[12345]]]
    file = write_rows(tmp_path / "rows.jsonl", [first, second])

    questions = code_task("humaneval_plus", file).load("test")
    calls = len(first["base_input"]) + len(first["plus_input"])
    assert (len(questions[0].details["tests"]["calls"]), questions[0].details["tests"]["left_out"]) == (calls - 2, 2)
    assert "left_out" not in questions[1].details["tests"]

    settings = ["--set", f"task.path={file}", "--allow-weaker-sandbox"]
    checked = finished(command("tasks", "check", "humaneval_plus", "--json", *settings))
    (finding,) = [f for f in json.loads(checked.stdout)["findings"] if f["check"] == "tests left out"]
    assert (finding["state"], finding["found"]) == ("note", "2 of test: their expected results exceed the limits")

    model, small = (
        "package:sdzero_bench.tasks/micro_world/slips",
        ["--k", "1", "--set", "evaluation.max_new_tokens=8"],
    )
    asked = command("eval", model, "--task", "humaneval_plus", *small, *settings, "--out", str(tmp_path / "runs"), "--json")
    done = finished(asked, check=True)
    assert "without 2 tests of the data, whose results do not fit the limits" in done.stderr
    result = json.loads(done.stdout)
    folder = Path(result["folder"])
    assert result["left_out_tests"] == json.loads((folder / "manifest.json").read_text())["left_out_tests"] == 2
    assert "- 2 tests of the data left out" in (folder / "summary.md").read_text()


@pytest.mark.data
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "file", "count"), [("humaneval_plus", "HumanEval", 164), ("mbpp_plus", "Mbpp", 378)])
def test_all_published_reference_solutions_pass(name: str, file: str, count: int) -> None:
    """With the folder SDZERO_DATA: evalplus/HumanEvalPlus.jsonl.gz and MbppPlus.jsonl.gz. Takes minutes the first time."""
    task = code_task(name, Path(os.environ["SDZERO_DATA"]) / "evalplus" / f"{file}Plus.jsonl.gz")
    questions = list(task.load("test"))
    assert len(questions) == count
    right = verify_all(task, [(q, task.demonstration(q) or "") for q in questions])
    assert [(q.id, v) for q, v in zip(questions, right, strict=True) if v.reward != 1.0] == []
    emptied = [(q, fenced(f"def {q.details['tests']['function']}(*arguments):\n    return None")) for q in questions]
    assert [q.id for q, v in zip(questions, verify_all(task, emptied), strict=True) if v.reward != 0.0] == []


@pytest.mark.data
@pytest.mark.timeout(3600)
def test_changed_solutions_that_humaneval_lets_pass_are_mostly_caught_by_the_plus_tests() -> None:
    """So they are broken, and their verdict there is the doing of few tests. What passes here too is of equal effect."""
    data = Path(os.environ["SDZERO_DATA"]) / "evalplus" / "HumanEvalPlus.jsonl.gz"
    plus = code_task("humaneval_plus", data)
    pairs = [
        (question, fenced(source))
        for question in plus.load("test")
        for _, source in mutants(question.text + question.answer, question.details["tests"]["function"])
    ]
    passed = sum(verdict.reward == 1.0 for verdict in verify_all(plus, pairs))
    assert len(pairs) > 800
    assert passed < 0.12 * len(pairs)
