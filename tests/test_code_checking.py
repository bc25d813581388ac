"""Programs on their tests, in the sandbox: every outcome, and what is the verifier's failure and not the program's."""

from __future__ import annotations

from typing import Any

import pytest
from local_tasks import sandbox

from sdzero_bench.core.verdict import ProgramReport, Verdict
from sdzero_bench.verifiers.code.program_check import check_program
from sdzero_bench.verifiers.code.test_forms import parse_tests
from sdzero_bench.verifiers.sandbox import Limits

LIMITS = Limits(cpu_seconds=1.0)
SUMS = {"form": "stdio", "inputs": ["1 2\n", "3 4\n", "5 6\n"], "outputs": ["3\n", "7\n", "11\n"]}
ADD = {"form": "calls", "function": "add", "calls": ["(1, 2)", "(3, 4)", "(5, 6)"], "expected": ["3", "7", "11"]}
ASSERTS = {"form": "asserts", "tests": ["assert add(1, 2) == 3", "assert add(3, 4) == 7", "assert add(5, 6) == 11"]}


def check(program: str | None, tests: dict[str, Any], language: str = "python") -> Verdict:
    return check_program(sandbox(), program, language, parse_tests(tests, "q"), LIMITS)


RIGHT = "print(sum(map(int, input().split())))"
RIGHT_CPP = "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }"


@pytest.mark.parametrize(("program", "language"), [(RIGHT, "python"), pytest.param(RIGHT_CPP, "cpp", marks=pytest.mark.cpp)])
def test_a_right_program_passes(program: str, language: str) -> None:
    assert check(program, SUMS, language) == Verdict(1.0, tests=ProgramReport(3, 3, None, "passed"))


@pytest.mark.parametrize("first", ["a, b = map(int, input().split())\n"])
@pytest.mark.parametrize(
    ("then", "outcome"),
    [
        ("print(a + b + (a == 3))", "wrong answer"),
        ("print(a + b if a != 3 else 1 // 0)", "exception"),
        ("while a == 3: pass\nprint(a + b)", "time"),
        ("import time\nif a == 3: time.sleep(60)\nprint(a + b)", "time"),
        ("x = bytearray(10**10) if a == 3 else 0\nprint(a + b)", "memory"),
        ("import sys\nprint(a + b)\nsys.exit(a == 3)", "exit"),
        ("while a == 3: print('x' * 10**6)\nprint(a + b)", "output"),
        ("import os, signal\nif a == 3: os.kill(os.getpid(), signal.SIGSEGV)\nprint(a + b)", "signal"),
    ],
)
def test_a_failing_test_is_named_with_its_outcome_and_the_others_are_run(first: str, then: str, outcome: str) -> None:
    verdict = check(first + then, SUMS)
    assert (verdict.reward, verdict.status) == (0.0, "ok")
    assert verdict.tests == ProgramReport(2, 3, 2, outcome)
    assert verdict.detail


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("return 0;", "wrong answer"),
        ("int *p = nullptr; *p = 1;", "signal"),
        ("std::vector<int> v; v.at(3) = 1;", "signal"),
        ("for (volatile int i = 0;;) i = i + 1;", "time"),
        ("return 3;", "exit"),
        ("std::vector<char> v(2000000000, 'x'); std::cout << v[5];", "memory"),
    ],
)
@pytest.mark.cpp
def test_outcomes_of_a_compiled_program(body: str, outcome: str) -> None:
    verdict = check(f"#include <iostream>\n#include <vector>\nint main() {{ {body} }}", SUMS, "cpp")
    assert verdict.tests == ProgramReport(0, 3, 1, outcome)


@pytest.mark.parametrize(
    ("program", "language"),
    [("print((", "python"), pytest.param("int main() { return undefined; }", "cpp", marks=pytest.mark.cpp)],
)
def test_what_does_not_compile_passes_nothing(program: str, language: str) -> None:
    verdict = check(program, SUMS, language)
    assert verdict.tests == ProgramReport(0, 3, None, "compile error")
    assert "SyntaxError" in verdict.detail or "undefined" in verdict.detail


def test_no_program_is_a_wrong_response() -> None:
    assert check(None, ADD) == Verdict(0.0, detail="no program in the response", tests=ProgramReport(0, 3, None, "no program"))


@pytest.mark.parametrize("tests", [ADD, ASSERTS])
def test_functions_are_called_and_asserted_on(tests: dict[str, Any]) -> None:
    assert check("def add(a, b):\n    return a + b", tests).tests == ProgramReport(3, 3, None, "passed")
    assert check("def add(a, b):\n    return a + b - (a == 3)", tests).reward == 0.0
    assert check("def sub(a, b):\n    return a + b", tests).reward == 0.0
    report = check("def add(a, b):\n    return a + b + [0][a == 3]", tests).tests
    assert report == ProgramReport(2, 3, 2, "exception")


def test_a_failed_assertion_and_a_wrong_result_are_told_apart() -> None:
    wrong = "def add(a, b):\n    return 3"
    for tests, outcome in ((ADD, "wrong answer"), (ASSERTS, "assertion")):
        assert check(wrong, tests).tests == ProgramReport(1, 3, 2, outcome)
    assert check(wrong, ADD).detail == "3"


def test_a_method_is_called_on_a_fresh_object() -> None:
    program = (
        "class Solution:\n    seen = 0\n    def add(self, a, b):\n        self.seen += 1\n        return a + b + self.seen - 1"
    )
    assert check(program, {**ADD, "function": "Solution.add"}).reward == 1.0


READER = """
def add(a, b):
    for number in range(3, 20):
        try:
            return int(open(f"/proc/self/fd/{number}").read())
        except (OSError, ValueError):
            pass
    return 4
"""


@pytest.mark.parametrize(
    "program",
    [
        "class Yes:\n    __eq__ = lambda *_: True\n    __hash__ = None\ndef add(a, b):\n    return Yes()",
        "class Yes(int):\n    __eq__ = lambda *_: True\n    __hash__ = None\ndef add(a, b):\n    return Yes(4)",
        "import os\ndef add(a, b):\n    os._exit(0)",
        "import sys\nprint('passed')\nsys.exit(0)",
        "import builtins\nbuiltins.AssertionError = Exception\ndef add(a, b):\n    return 4",
        READER,
        "def add(a, b):\n    return 10**10000",
        "def add(a, b):\n    x = []\n    x.append(x)\n    return x",
        "def add(a, b):\n    raise AssertionError",
    ],
)
@pytest.mark.parametrize("tests", [ADD, ASSERTS])
def test_forgeries_earn_nothing_and_are_the_programs_own_doing(program: str, tests: dict[str, Any]) -> None:
    verdict = check(program, tests)
    assert (verdict.reward, verdict.status) == (0.0, "ok")
    assert verdict.tests is not None
    assert verdict.tests.passed == 0
    assert len(verdict.detail) <= 200


def test_float_tokens_have_a_tolerance_where_the_tests_ask_for_one() -> None:
    third = {"form": "stdio", "inputs": ["1 3"], "outputs": ["0.333333333"]}
    program = "a, b = map(int, input().split())\nprint(round(a / b, 7))"
    assert check(program, third).reward == 0.0
    assert check(program, {**third, "compare": "floats", "tolerance": 1e-6}).reward == 1.0
    assert check("print('3\\n')", {**SUMS, "inputs": [""], "outputs": ["3\n"], "compare": "exact"}).reward == 0.0


CHECKER = """
import sys
def main():
    question, expected, given = (open(path).read() for path in sys.argv[1:])
    total = int(question)
    a, b = map(int, given.split())
    print(1 if a + b == total and a > 0 and b > 0 else 0)
if __name__ == "__main__":
    main()
"""
SPLITS = {"form": "stdio", "inputs": ["5\n", "9\n"], "outputs": ["2 3\n", "4 5\n"], "checker": CHECKER}


def test_a_checker_of_the_data_accepts_any_right_output() -> None:
    assert check("n = int(input())\nprint(1, n - 1)", SPLITS).tests == ProgramReport(2, 2, None, "passed")
    assert check("n = int(input())\nprint(2, 3)", SPLITS).tests == ProgramReport(1, 2, 2, "wrong answer")


def test_output_over_which_the_checker_falls_is_wrong() -> None:
    for output in ("five", "", "1", "1\n1\n1"):
        assert check(f"print({output!r})", SPLITS).tests == ProgramReport(0, 2, 1, "wrong answer")


def test_a_checker_that_refuses_the_expected_output_is_the_verifiers_failure() -> None:
    broken = {**SPLITS, "outputs": ["five", "nine"]}
    assert check("n = int(input())\nprint(1, n - 1)", broken).reward == 1.0  # it never came to that
    with pytest.raises(RuntimeError, match="expected output of test 1"):
        check("print('x')", broken)
    with pytest.raises(RuntimeError, match="checker of the data"):
        check("print(1, 4)", {**SPLITS, "checker": "def ("})
