"""Programs of all kinds, hostile and right, each with the verdict that it has to get."""

from __future__ import annotations

import json
from typing import Any

import pytest
from local_tasks import DATA, sandbox

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.code.program_check import check_program
from sdzero_bench.verifiers.code.test_forms import parse_tests
from sdzero_bench.verifiers.sandbox import Limits

DISPUTED = {
    "stdio: inputs of later tests are not in memory": "it finds the needle that it searches for in its own constants",
    "exhaust C++: alloca of 100 MB": "the stack may take all of the memory, as on contest sites",
}
SLOW = ("exhaust: waits", "exhaust: stops", "exhaust calls: sleeps", "compile C++: itself", "compile C++: std::regex", "forged: gc")


def cases() -> list[Any]:
    rows = [
        json.loads(line) for line in (DATA / "hostile_and_right_programs.jsonl").read_text(encoding="utf-8").split("\n") if line
    ]
    return [
        pytest.param(row, id=f"{row['name']} ({row['form']})", marks=marks(row))
        for row in rows
        if isinstance(row["tests"], dict) and row["name"] not in DISPUTED
    ]


def marks(row: dict[str, Any]) -> list[pytest.MarkDecorator]:
    slow = [pytest.mark.slow] if row["name"].startswith(SLOW) else []
    return [*slow, pytest.mark.bwrap, *([pytest.mark.cpp] if row["language"] == "cpp" else [])]


@pytest.mark.parametrize("row", cases())
def test_each_program_gets_its_verdict(row: dict[str, Any]) -> None:
    tests, limits = parse_tests(row["tests"], row["name"]), Limits(**(row["limits"] or {}))
    verdict = check_program(sandbox(), row["program"], row["language"], tests, limits)
    assert as_expected(verdict, row["expected"]), verdict
    json.dumps(verdict.as_dict(), ensure_ascii=False).encode("utf-8")  # it can be written into a journal


def as_expected(verdict: Verdict, expected: str) -> bool:
    assert verdict.tests is not None
    if expected in ("passes", "passed"):
        return verdict.reward == 1.0
    if expected == "nothing passes":
        return verdict.reward == 0.0 and verdict.tests.passed == 0
    if expected == "a 0, or a compile error":
        return verdict.reward == 0.0
    return verdict.tests.outcome in expected
