"""Hostile and right programs by the thousand: each gets its verdict every time, and nothing is left behind."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psutil

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.code.program_check import check_program
from sdzero_bench.verifiers.code.test_forms import parse_tests
from sdzero_bench.verifiers.sandbox import Limits, Sandbox, find_sandbox
from tools.torture.outcome import Outcome

FILE = Path(__file__).parents[2] / "tests/data/hostile_and_right_programs.jsonl"

DISPUTED = {
    "stdio: inputs of later tests are not in memory": "it finds the needle that it searches for in its own constants",
    "exhaust C++: alloca of 100 MB": "the stack may take all of the memory, as on contest sites",
}
SLOW = (
    "exhaust: waits",
    "exhaust: stops",
    "exhaust calls: sleeps",
    "compile C++: itself",
    "compile C++: std::regex",
    "forged: gc",
)
"""They take their whole time limit, so each of them is run once."""

GROWTH_MB = 24.0
"""By which the judging process may grow after its first round."""
PATIENCE = 20.0
"""Seconds within which the processes of a program have to be gone."""
_SUBREAPER = 36


@dataclass(frozen=True)
class HostileProgram:
    """A row of the file, with the verdict that it has to get."""

    row: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.row['name']} ({self.row['form']})"

    @property
    def slow(self) -> bool:
        return str(self.row["name"]).startswith(SLOW)

    def verdict(self, sandbox: Sandbox) -> Verdict:
        row = self.row
        tests, limits = parse_tests(row["tests"], row["name"]), Limits(**(row["limits"] or {}))
        return check_program(sandbox, row["program"], row["language"], tests, limits)

    def expects(self, verdict: Verdict) -> bool:
        expected = self.row["expected"]
        if verdict.tests is None:
            return False
        if expected in ("passes", "passed"):
            return verdict.reward == 1.0
        if expected == "nothing passes":
            return verdict.reward == 0.0 and verdict.tests.passed == 0
        if expected == "a 0, or a compile error":
            return verdict.reward == 0.0
        return verdict.tests.outcome in expected


def hostile_programs() -> list[HostileProgram]:
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").split("\n") if line]
    return [HostileProgram(row) for row in rows if isinstance(row["tests"], dict) and row["name"] not in DISPUTED]


def programs(count: int = 5_000, cases: list[HostileProgram] | None = None) -> Outcome:
    """Run `count` programs in turn, one at a time."""
    outcome, cases = Outcome("programs"), cases or hostile_programs()
    quick = [case for case in cases if not case.slow]
    in_turn = [*cases, *islice(cycle(quick), max(0, count - len(cases)))][:count]
    seen: dict[str, tuple[float | None, int | None]] = {}
    process, before = psutil.Process(), 0
    with _watched() as watch:
        sandbox = find_sandbox(allow_weaker=True)
        outcome.notes += [] if sandbox.tier == 1 else [f"the sandbox here is {sandbox.name}"]
        for number, case in enumerate(in_turn):
            verdict = case.verdict(sandbox)
            group = f"{case.row['language']}, {case.row['name'].partition(':')[0]}"
            said = (verdict.reward, verdict.tests.passed if verdict.tests else None)
            if not case.expects(verdict):
                outcome.find(group, f"{case.name} gets {verdict} instead of {case.row['expected']!r}")
            elif seen.setdefault(case.name, said) != said:
                outcome.find(group, f"{case.name} gets {said} after {seen[case.name]}")
            else:
                outcome.count(group, "judged alike")
            if stray := watch.left():
                outcome.find(group, f"{case.name} leaves {stray}")
            if number == min(len(cases), count // 2):
                before = process.memory_info().rss
    grown = (process.memory_info().rss - before) / 1e6
    outcome.figures["memory grown by the judging process, MB"] = round(grown, 1)
    if grown > GROWTH_MB:
        outcome.find("memory", f"the judging process grew by {grown:.0f} MB")
    return outcome


class Watch:
    """What programs leave behind: processes, which become children of this one, and files in the temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = set(psutil.Process().children(recursive=True))
        self.files = set(os.listdir(folder))

    def left(self) -> str | None:
        """What is there that was not there before, in words; it is known from then on."""
        known = self.processes | _that_fork()
        strange = [one for one in psutil.Process().children(recursive=True) if one not in known]
        _, alive = psutil.wait_procs(strange, timeout=PATIENCE) if strange else ([], [])
        alive = [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        files = set(os.listdir(self.folder)) - self.files
        self.processes |= set(alive)
        self.files |= files
        found = [f"the process {one.name()}" for one in alive] + [f"the file {name}" for name in sorted(files)]
        return " and ".join(found) or None


def _that_fork() -> set[psutil.Process]:
    """The sandboxed Python that forks for each program, and bubblewrap's two processes around it; not what it has forked."""
    found = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        for outer in psutil.Process().children():
            if any("inside.nursery" in argument for argument in outer.cmdline()):
                inner = outer.children()
                found |= {outer, *inner, *(one for process in inner for one in process.children())}
    return found


@contextmanager
def _watched() -> Iterator[Watch]:
    """A temporary folder that nothing else uses, in a process to which orphans are given."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield Watch(Path(folder))
        finally:
            tempfile.tempdir = before
            ctypes.CDLL(None).prctl(_SUBREAPER, 0, 0, 0, 0)
