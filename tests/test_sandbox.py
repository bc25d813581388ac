"""Programs run, are told from each other by how they end, and answer in data. In every tier that works on this machine."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from sandboxes import QUICK, best, every_tier

from sdzero_bench.verifiers.sandbox import Limits, Opaque, ProgramResult, Sandbox, TestUnsupportedError


def outcomes(result: ProgramResult) -> list[str]:
    return [execution.outcome for execution in result.executions]


@every_tier
def test_a_script_reads_and_prints(sandbox: Sandbox) -> None:
    program = "import sys\nfirst = input()\nprint(first.upper(), sys.stdin.read(), end='')"
    result = sandbox.stdio("python", program, ["a\nb\n", "ä\n", "x\n" + "y" * 200_000], Limits())
    assert [execution.stdout for execution in result.executions] == ["A b\n", "Ä ", "X " + "y" * 200_000]
    assert outcomes(result) == ["ok"] * 3


@every_tier
def test_each_input_has_a_fresh_process(sandbox: Sandbox) -> None:
    program = "import os\nseen = os.path.exists('mark')\ntry: open('mark', 'w')\nexcept OSError: pass\nprint(len(input()))"
    assert [e.stdout for e in sandbox.stdio("python", program, ["a\n", "bb\n"], QUICK).executions] == ["1\n", "2\n"]


@pytest.mark.cpp
@every_tier
def test_cpp(sandbox: Sandbox) -> None:
    program = '#include <cstdio>\nint main() { int a, b; while (scanf("%d %d", &a, &b) == 2) printf("%d\\n", a + b); }'
    result = sandbox.stdio("cpp", program, ["1 2\n3 4\n", "", "5 6"], QUICK)
    assert [execution.stdout for execution in result.executions] == ["3\n7\n", "", "11\n"]
    broken = sandbox.stdio("cpp", "int main() { return undefined; }", ["", ""], QUICK)
    assert broken.executions == ()
    assert broken.compile_error is not None
    assert "undefined" in broken.compile_error


READS = {
    "readFileSync(0)": "console.log(require('fs').readFileSync(0, 'utf8').length)",
    "/dev/stdin": "console.log(require('fs').readFileSync('/dev/stdin', 'utf8').length)",
    "readline": "require('readline').createInterface({input: process.stdin}).on('line', (l) => console.log(l.length + 1))",
    "stream": "let s = ''; process.stdin.on('data', (d) => s += d).on('end', () => console.log(s.length))",
    "import": "import fs from 'fs';\nconsole.log(fs.readFileSync(0, 'utf8').length)",
}


@pytest.mark.node
@every_tier
@pytest.mark.parametrize("reads", READS)
def test_javascript_reads_its_input_in_every_usual_way(sandbox: Sandbox, reads: str) -> None:
    result = sandbox.stdio("javascript", READS[reads], ["1 2\n", "\n"], Limits(memory_mb=64))
    assert [execution.stdout for execution in result.executions] == ["4\n", "1\n"]


@pytest.mark.node
@every_tier
@pytest.mark.parametrize(
    ("program", "outcome", "detail"),
    [
        ("console.log(1); process.exit(0); console.log(2)", "ok", ""),
        ("process.exit(3)", "exit", "exit code 3"),
        ("throw new TypeError('no')", "exit", "TypeError: no"),
        ("let = 3 =", "exit", "SyntaxError"),
        ("const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))", "memory", ""),
        ("setInterval(() => {}, 1000)", "time", ""),
        ("process.stdout.write('x'.repeat(1 << 20))", "output", ""),
    ],
)
def test_how_javascript_ends(sandbox: Sandbox, program: str, outcome: str, detail: str) -> None:
    (execution,) = sandbox.stdio("javascript", program, [""], QUICK).executions
    assert (execution.outcome, detail in execution.detail) == (outcome, True)


@pytest.mark.node
@every_tier
def test_what_javascript_may_allocate_is_its_limit_not_its_address_space(sandbox: Sandbox) -> None:
    program = "const a = []; for (let i = 0; i < 200; i++) a.push(Buffer.alloc(1 << 20, 1)); console.log(a.length)"
    assert sandbox.stdio("javascript", program, [""], Limits(memory_mb=256)).executions[0].stdout == "200\n"
    assert sandbox.stdio("javascript", program, [""], Limits(memory_mb=16)).executions[0].outcome == "memory"


@every_tier
def test_calls_return_plain_data(sandbox: Sandbox) -> None:
    program = "def f(*args): return list(args), {'n': len(args)}"
    calls: list[list[Any]] = [[], [1, 2.5, None], [{"a": {1, 2}}, (b"x", "ä")], [10**5000, float("inf")]]
    result = sandbox.calls(program, "f", calls, Limits())
    assert [execution.value for execution in result.executions] == [(args, {"n": len(args)}) for args in calls]


@every_tier
def test_a_method_is_called_on_a_fresh_instance(sandbox: Sandbox) -> None:
    program = "class Solution:\n    n = 0\n    def count(self, by):\n        self.n += by\n        return self.n"
    assert [e.value for e in sandbox.calls(program, "Solution.count", [[1], [1], [5]], QUICK).executions] == [1, 1, 5]


@every_tier
@pytest.mark.parametrize(
    ("program", "outcome", "detail"),
    [
        ("def f(): return 1 / 0", "exception", "ZeroDivisionError"),
        ("def g(): pass", "exception", "no attribute 'f'"),
        ("import sys\ndef f(): sys.exit(3)", "exit", "exit code 3"),
        ("import os\ndef f(): os._exit(4)", "exit", "exit code 4"),
        ("def f():\n    while True: pass", "time", "CPU"),
        ("import time\ndef f(): time.sleep(1000)", "time", "on the CPU"),
        ("def f(): return [0] * 10**9", "memory", "MemoryError"),
        ("def f(): return 'x' * 100_000", "output", "64 KB"),
        ("import ctypes\ndef f(): ctypes.string_at(0)", "signal", "SIGSEGV"),
        ("raise ValueError('at once')\ndef f(): pass", "exception", "while it was loaded: ValueError: at once"),
        ("while True: pass", "time", "CPU"),
        ("import sys\nsys.exit(0)", "exit", "while it was loaded"),
    ],
)
def test_how_a_call_ends(sandbox: Sandbox, program: str, outcome: str, detail: str) -> None:
    (execution,) = sandbox.calls(program, "f", [[]], QUICK).executions
    assert execution.outcome == outcome
    assert detail in execution.detail
    assert execution.value is None


@every_tier
@pytest.mark.parametrize(
    ("program", "outcome", "detail"),
    [
        ("print('x')\nraise KeyError('k')", "exception", "KeyError: 'k' (line 2)"),
        ("import sys\nprint('x')\nsys.exit(1)", "exit", "exit code 1"),
        ("print('x')\nraise SystemExit", "ok", ""),
        ("while True: print('x')", "output", "64 KB"),
        ("x = 'x'\nwhile True: x += x", "memory", "MemoryError"),
        ("while True: pass", "time", "CPU"),
        ("import threading\nthreading.Thread(target=lambda: print('x')).start()", "ok", ""),
        ("import atexit\natexit.register(print, 'x')", "ok", ""),
        ("open(1, 'w').write('x')", "ok", ""),
    ],
)
def test_how_a_script_ends(sandbox: Sandbox, program: str, outcome: str, detail: str) -> None:
    (execution,) = sandbox.stdio("python", program, [""], QUICK).executions
    assert execution.outcome == outcome
    assert detail in execution.detail
    assert outcome not in ("ok", "exception", "exit", "output") or execution.stdout.startswith("x")


@every_tier
@pytest.mark.parametrize("program", ["def f(:", "\0", "'\ud800'", "x = " + "(" * 5000])
def test_what_is_no_program_is_a_compile_error(sandbox: Sandbox, program: str) -> None:
    for result in (sandbox.calls(program, "f", [[]], QUICK), sandbox.stdio("python", program, [""], QUICK)):
        assert result.executions == ()
        assert result.compile_error


@every_tier
def test_after_its_death_a_program_passes_nothing(sandbox: Sandbox) -> None:
    program = "import os\ndef f(n):\n    if n == 2: os._exit(0)\n    return n"
    assert outcomes(sandbox.calls(program, "f", [[1], [2], [3]], QUICK)) == ["ok", "exit", "exit"]
    tests = ["assert f(1) == 1", "try: f(2)\nexcept BaseException: pass", "assert True"]
    assert outcomes(sandbox.asserts(program, tests, ["f"], QUICK)) == ["ok", "exit", "exit"]


def test_all_tests_together_have_a_limit_too() -> None:
    limits = Limits(cpu_seconds=0.6, total_cpu_seconds=1.0, wall_multiple=5)
    program = "import time\ndef f():\n    end = time.process_time() + 0.4\n    while time.process_time() < end: pass"
    result = best().calls(program, "f", [[]] * 20, limits)  # many, as a crowded machine stretches limits
    assert outcomes(result)[0] == "ok"
    assert outcomes(result)[-1] == "time"
    assert "together" in result.executions[-1].detail


def test_a_slow_machine_gives_more_time() -> None:
    from dataclasses import replace

    program = "import time\ndef f():\n    end = time.process_time() + 1.2\n    while time.process_time() < end: pass"
    limits = Limits(cpu_seconds=0.5)
    fast, slow = (replace(best(), slowness=slowness) for slowness in (1.0, 5.0))
    assert outcomes(fast.calls(program, "f", [[]], limits)) == ["time"]
    assert outcomes(slow.calls(program, "f", [[]], limits)) == ["ok"]
    assert slow.deadline(limits) > fast.deadline(limits)


def test_a_value_that_is_not_plain_equals_nothing() -> None:
    (execution,) = best().calls("def f(): return object()", "f", [[]], QUICK).executions
    assert isinstance(execution.value, Opaque)
    assert execution.value.type_name == "object"
    assert execution.value != execution.value


def test_arguments_have_to_be_plain() -> None:
    with pytest.raises(TestUnsupportedError, match="plain data"):
        best().calls("def f(x): pass", "f", [[object()]], QUICK)
    with pytest.raises(TestUnsupportedError, match="no tests"):
        best().calls("def f(x): pass", "f", [], QUICK)


def test_a_sandbox_can_be_sent_to_a_worker_and_written_into_a_record() -> None:
    sandbox: Sandbox = pickle.loads(pickle.dumps(best()))
    assert sandbox == best()
    record = sandbox.as_dict()
    assert record["tier"] == sandbox.tier
    assert record["slowness"] >= 1
    assert "python" in record["versions"]


TRIES = """
import os
for number, change in enumerate([
    lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 10),
    lambda: os.setpriority(os.PRIO_PGRP, 0, 10),
    lambda: os.setpriority(os.PRIO_USER, 0, 10),
    lambda: os.sched_setaffinity(os.getppid(), {0}),
    lambda: os.sched_setscheduler(os.getppid(), os.SCHED_BATCH, os.sched_param(0)),
]):
    try:
        change()
        print("changed", number)
    except (PermissionError, ProcessLookupError):
        pass
os.nice(1)
os.sched_setaffinity(0, os.sched_getaffinity(0))
"""


def test_a_program_schedules_itself_and_nobody_else() -> None:
    (execution,) = best().stdio("python", TRIES, [""], QUICK).executions
    assert (execution.outcome, execution.stdout) == ("ok", "")


@pytest.mark.parametrize(
    "program",
    [
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')\nprint(5)",
        "import codecs, sys\nsys.stdout = codecs.getwriter('utf-8')(sys.stdout.detach())\nprint(5)",
        "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (-1, -1))\nprint(5)",
        "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (2**29, 2**29))\nprint(5)",
        "x = 5\nprint(open(__file__).read()[4])",
        "import inspect\ndef f(): return 5\nprint(inspect.getsource(f)[-2])",
        "class A:\n    def __del__(self): print(5)\na = A()\na.itself = a",
    ],
)
def test_programs_as_they_are_written_for_contests(program: str) -> None:
    (execution,) = best().stdio("python", program, [""], QUICK).executions
    assert (execution.outcome, execution.stdout.strip()) == ("ok", "5"), execution.detail
