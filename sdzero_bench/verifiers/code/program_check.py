"""Whether a program passes its tests. Programs run in the sandbox; their output and results are compared here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sdzero_bench.core.verdict import ProgramReport, TestOutcome, Verdict
from sdzero_bench.verifiers.code.comparing import RULES, same_lines, same_tokens
from sdzero_bench.verifiers.code.literals import Digest
from sdzero_bench.verifiers.code.test_forms import AssertTests, CallTests, StdioTests, Tests
from sdzero_bench.verifiers.sandbox import Execution, Limits, Sandbox
from sdzero_bench.verifiers.sandbox.reports import printable

CHECKER_LIMITS = Limits(cpu_seconds=10.0)
"""Per output, for a checker program that comes with the data."""
_CHECKER = """\
import json, sys
for name, text in json.load(sys.stdin).items():
    with open(name, "w") as file:
        file.write(text)
sys.argv = ["checker.py", "input.txt", "expected.txt", "output.txt"]
exec(compile({source!r}, "checker.py", "exec"), {{"__name__": "__main__"}})
"""
_LONGEST_DETAIL = 200


def check_program(sandbox: Sandbox, program: str | None, language: str, tests: Tests, limits: Limits) -> Verdict:
    """Run a program, as returned by `extract_program`, on its tests; it is right if it passes all of them.

    Whatever the program does becomes a verdict. Raises `SandboxError` if the sandbox failed, and `RuntimeError` if a checker
    of the data failed.
    """
    if program is None:
        return _verdict("no program", 0, len(tests), None, "no program in the response")
    if isinstance(tests, AssertTests):
        result = sandbox.asserts(program, tests.tests, tests.names, limits, tests.setup)
    elif isinstance(tests, CallTests):
        calls, results = tests.arguments(), tests.results()

        def returned(number: int, execution: Execution) -> bool:
            return _returned(tests, calls[number], results[number], execution.value)

        result = sandbox.calls(program, tests.function, calls, limits, returned)
    elif tests.checker is None:

        def printed(number: int, execution: Execution) -> bool:
            return _same(tests, execution.stdout, tests.outputs[number])

        result = sandbox.stdio(language, program, tests.inputs, limits, printed)
    else:
        result = sandbox.stdio(language, program, tests.inputs, limits)
    if result.compile_error is not None:
        return _verdict("compile error", 0, len(tests), None, result.compile_error)
    executions = result.executions
    if isinstance(tests, StdioTests) and tests.checker is not None:
        return _judged(executions, _by_checker(sandbox, tests, executions))
    return _judged(executions, [e.outcome == "ok" and e.passed is not False for e in executions])


def _returned(tests: CallTests, arguments: list[object], expected: object, given: object) -> bool:
    try:
        if isinstance(expected, Digest):
            return expected.matches(given)
        return RULES[tests.rule](tests.function, arguments, expected, given, tests.atol)
    except (ArithmeticError, TypeError, ValueError, RecursionError):  # a signalling NaN, for example, cannot be compared
        return False


def _same(tests: StdioTests, given: str, expected: str) -> bool:
    if tests.compare == "exact":
        return given == expected
    if tests.compare == "lines":
        return same_lines(given, expected, tests.tolerance)
    return same_tokens(given, expected, tests.tolerance if tests.compare == "floats" else None)


def _by_checker(sandbox: Sandbox, tests: StdioTests, executions: Sequence[Execution]) -> list[bool]:
    """The data's own checker decides. It reads the program's output, so it runs in the sandbox too."""
    ran = [i for i, execution in enumerate(executions) if execution.outcome == "ok"]
    accepted = _run_checker(sandbox, tests, [(i, executions[i].stdout) for i in ran])
    # A checker may crash on bad output, but must accept the expected output.
    for i, passed in accepted.items():
        if passed is None and not _run_checker(sandbox, tests, [(i, tests.outputs[i])])[i]:
            raise RuntimeError(f"the checker of the data does not accept the expected output of test {i + 1}")
    return [bool(accepted.get(i)) for i in range(len(executions))]


def _run_checker(sandbox: Sandbox, tests: StdioTests, outputs: Sequence[tuple[int, str]]) -> dict[int, bool | None]:
    """The verdict per test; None if the checker printed neither 1 nor 0."""
    if not outputs:
        return {}
    jobs = [json.dumps({"input.txt": tests.inputs[i], "expected.txt": tests.outputs[i], "output.txt": o}) for i, o in outputs]
    result = sandbox.stdio("python", _CHECKER.format(source=tests.checker), jobs, CHECKER_LIMITS)
    said = [execution.stdout.strip() for execution in result.executions]
    return {i: {"1": True, "0": False}.get(text) for (i, _), text in zip(outputs, said, strict=True)}


def _judged(executions: Sequence[Execution], right: Sequence[bool]) -> Verdict:
    passed, total = sum(right), len(right)
    if passed == total:
        return _verdict("passed", total, total, None, "")
    first = right.index(False)
    failed = executions[first]
    if failed.outcome != "ok":
        return _verdict(failed.outcome, passed, total, first + 1, failed.detail)
    return _verdict("wrong answer", passed, total, first + 1, failed.detail or printable(repr(failed.stdout)))


def _verdict(outcome: TestOutcome, passed: int, total: int, first_failed: int | None, detail: str) -> Verdict:
    report = ProgramReport(passed, total, first_failed, outcome)
    return Verdict(float(outcome == "passed"), detail=detail[:_LONGEST_DETAIL], tests=report)
