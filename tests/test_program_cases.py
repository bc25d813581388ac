"""Outputs, results and programs as models write them for LiveCodeBench, each with its verdict."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from local_tasks import DATA, sandbox

from sdzero_bench.verifiers.code.comparing import RULES
from sdzero_bench.verifiers.code.packed_tests import as_forms
from sdzero_bench.verifiers.code.program_check import _same, check_program
from sdzero_bench.verifiers.code.test_forms import StdioTests, parse_tests
from sdzero_bench.verifiers.sandbox import Limits
from tasks.livecodebench import IMPORTS

ROWS = [json.loads(line) for line in (DATA / "program_cases.jsonl").read_text(encoding="utf-8").split("\n") if line]
INPUTS = {
    "guarded main, double quotes, no blanks": "4\n",
    "sys.stdin.buffer": "1 2 3\n",
    "open(0)": "1 2 3\n",
    "input until EOF": "1\n2\n3\n",
    "stdin without import (LCB gives it by from sys import *)": "6\n",
    "CRLF in the input": "6\r\n",
    "exit()": "3\n",
}
ARGUMENTS = {"pow with a modulus, LCB method": [3, 5], "Counter for a dict": [[1, 1]]}
NUMBERS = {"recursion 3000 deep, LCB method": 3000, "lru_cache recursion 3000 deep, LCB method": 3000, "print in a method": 3}


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["why"]) for row in ROWS if row["kind"] == kind]


@pytest.mark.parametrize("row", of_kind("stdio"))
def test_outputs(row: dict[str, Any]) -> None:
    tests = parse_tests(as_forms([{"input": "", "output": row["gold"], "testtype": "stdin"}], None), "q")
    assert isinstance(tests, StdioTests)
    assert _same(tests, row["response"], row["gold"]) is row["expected"]


@pytest.mark.parametrize("row", of_kind("calls"))
def test_results(row: dict[str, Any]) -> None:
    gold, given = ast.literal_eval(row["gold"]), ast.literal_eval(row["response"])
    assert RULES["equal"]("f", [], gold, given, 0.0) is row["expected"]


@pytest.mark.parametrize("row", of_kind("program"))
def test_programs(row: dict[str, Any]) -> None:
    program = f"{IMPORTS}\n{row['response']}"
    if "class Solution" in program:
        method = row["response"].split("def ")[1].split("(")[0]
        arguments = ARGUMENTS.get(row["why"], [NUMBERS[row["why"]]] if row["why"] in NUMBERS else [])
        data = {
            "form": "calls",
            "function": f"Solution.{method}",
            "calls": [repr(arguments)],
            "expected": [row["gold"]],
            "rule": "json",
            "atol": 1e-6,
        }
    else:
        test = {"input": INPUTS.get(row["why"], ""), "output": row["gold"], "testtype": "stdin"}
        data = as_forms([test], None)
    verdict = check_program(sandbox(), program, "python", parse_tests(data, "q"), Limits(cpu_seconds=6, memory_mb=1024))
    assert verdict.reward == row["expected"], verdict
