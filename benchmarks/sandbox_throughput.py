"""Programs verified per second, each in a sandbox of its own: the whole way through worker pool, sandbox and verdict.

    python benchmarks/sandbox_throughput.py [--programs 200] [--json FILE]

Beside it, evalplus's own checker on the same calls, where evalplus is installed; it forks its process, and keeps from the
program what a few patched Python functions keep. Both use all cores. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.code.program_check import check_program
from sdzero_bench.verifiers.code.test_forms import AssertTests, CallTests, StdioTests, Tests
from sdzero_bench.verifiers.pool import VerifierPool
from sdzero_bench.verifiers.sandbox import Limits, Sandbox
from sdzero_bench.verifiers.sandbox.tier_search import calibrated, of_tier, why_not

CLOSE = """
from typing import List

def close(numbers: List[float], threshold: float) -> bool:
    return any(abs(a - b) < threshold for i, a in enumerate(numbers) for b in numbers[i + 1 :])
"""
INPUTS = [[[1.0, 2.0, 3.9, 4.0], 0.3], [[1.0, 2.0, 5.9, 4.0], 0.3], [[1.1, 2.2, 3.1, 4.1, 5.1], 1.0]]
EXPECTED = [True, False, True]
CHECK = "def check(candidate):\n" + "".join(
    f"    assert candidate(*{given}) == {wanted}\n" for given, wanted in zip(INPUTS, EXPECTED, strict=True)
)
ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
ADD_CPP = '#include <cstdio>\nint main() { int a, b; std::scanf("%d %d", &a, &b); std::printf("%d\\n", a + b); }\n'
STDIO = StdioTests(inputs=("1 2\n", "3 4\n", "5 6\n"), outputs=("3\n", "7\n", "11\n"))


@dataclass(frozen=True)
class Workload:
    name: str
    program: str
    tests: Tests
    language: str = "python"
    share: float = 1.0
    """Of the programs that are asked for: compiling takes its time."""


WORKLOADS = (
    Workload(
        "a function, 3 calls",
        CLOSE,
        CallTests(function="close", calls=tuple(map(repr, INPUTS)), expected=tuple(map(repr, EXPECTED))),
    ),
    Workload("an assert script", CLOSE, AssertTests(tests=("check(close)",), setup=CHECK, names=("close",))),
    Workload("a script, 3 inputs", ADD, STDIO),
    Workload("C++, 3 inputs", ADD_CPP, STDIO, "cpp", 0.1),
)


class Verifying(Task):
    """A response is a program here."""

    name = summary = source = verifier = "throughput"

    def __init__(self, sandbox: Sandbox, workload: Workload) -> None:
        super().__init__()
        self.sandbox, self.workload = sandbox, workload

    def load(self, split: Split) -> QuestionSet:
        return QuestionSet(self.name, (Question("0", "0", "0"),))

    def prompt(self, question: Question) -> Messages:
        return []

    def time_limit(self, question: Question) -> float | None:
        return 300.0

    def verify(self, question: Question, response: str) -> Verdict:
        assert self.sandbox is not None
        return check_program(self.sandbox, response, self.workload.language, self.workload.tests, Limits())


@dataclass(frozen=True)
class Measured:
    checker: str
    workload: str
    programs: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.programs / self.seconds


def measure_sandbox(sandbox: Sandbox, workload: Workload, programs: int) -> Measured:
    """No two programs are the same text."""
    comment = "//" if workload.language == "cpp" else "#"
    pairs = [(Question("0", "0", "0"), f"{comment} {number}\n{workload.program}") for number in range(programs)]
    with VerifierPool(Verifying(sandbox, workload), workers=os.cpu_count()) as pool:
        pool.verify(pairs[: 2 * (os.cpu_count() or 1)])  # the workers have started then
        started = time.perf_counter()
        verdicts = pool.verify(pairs)
        seconds = time.perf_counter() - started
    _all_passed([verdict.reward == 1.0 for verdict in verdicts], workload)
    return Measured(sandbox.name, workload.name, programs, seconds)


def measure_evalplus(workload: Workload, programs: int) -> Measured | None:
    """None where evalplus is not installed."""
    try:
        import evalplus
        from evalplus.eval import PASS
    except ImportError:
        return None
    sources = [f"# {number}\n{workload.program}" for number in range(programs)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_evalplus, sources[: 2 * (os.cpu_count() or 1)]))
        started = time.perf_counter()
        statuses = list(pool.map(_evalplus, sources))
        seconds = time.perf_counter() - started
    _all_passed([status == PASS for status in statuses], workload)
    return Measured(f"evalplus {getattr(evalplus, '__version__', '')}".strip(), workload.name, programs, seconds)


def _evalplus(source: str) -> str:
    from evalplus.eval import untrusted_check

    return untrusted_check("humaneval", source, INPUTS, "close", EXPECTED, 0, [0.01] * len(INPUTS))[0]


def _all_passed(passed: list[bool], workload: Workload) -> None:
    if not all(passed):
        raise SystemExit(f"{workload.name}: only {sum(passed)} of {len(passed)} programs passed: nothing was measured")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    jobs: list[Callable[[], Measured | None]] = []
    sandboxes = [calibrated(sandbox) for sandbox in map(of_tier, (1, 2, 3)) if why_not(sandbox) is None]
    for workload in WORKLOADS:
        programs = max(4, int(options.programs * workload.share))
        jobs += [partial(measure_sandbox, sandbox, workload, programs) for sandbox in sandboxes]
    jobs.append(partial(measure_evalplus, WORKLOADS[0], options.programs))
    measured = [found for job in jobs if (found := job()) is not None]
    load = os.getloadavg()[0]
    table = Table(title=f"programs per second on {os.cpu_count()} cores (load average {load:.1f})")
    for name in ("tests", "checked by"):
        table.add_column(name)
    table.add_column("programs/s", justify="right")
    for row in measured:
        table.add_row(row.workload, row.checker, f"{row.rate:.1f}")
    Console().print(table)
    if options.json:
        rows = [asdict(row) | {"programs_per_second": row.rate} for row in measured]
        machine = {"cores": os.cpu_count(), "load": load, "sandboxes": [sandbox.as_dict() for sandbox in sandboxes]}
        options.json.write_text(json.dumps({"machine": machine, "measured": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
