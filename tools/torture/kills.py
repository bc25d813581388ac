"""Runs of every method, killed at moments of all their phases and resumed: each has to end as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Collection
from pathlib import Path
from random import Random

import psutil
from rich.console import Console

from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.testing.forked import Forked
from sdzero_bench.testing.same_end import differences
from tools.torture import small_run
from tools.torture.ends import success
from tools.torture.kill_cases import KillCase, kill_cases
from tools.torture.killed_sweep import kill_sweep
from tools.torture.moments import Moment, moments
from tools.torture.outcome import Outcome

PATIENCE = 30.0
"""Seconds within which the processes of a killed run have to be gone."""


def kills(count: int = 60, methods: Collection[str] = (), seed: int = 0, sweep: bool = True) -> Outcome:
    """Kill runs at least `count` times in all, and a sweep once."""
    outcome, console = Outcome("kills"), Console(stderr=True)
    cases = kill_cases(methods)
    each = -(-count // len(cases))
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(cases):
            console.print(f"{number + 1} of {len(cases)}: {case.name}", highlight=False)
            kill_one(case, each, Path(folder) / str(number), Random(f"{seed} {case.name}"), outcome)
        if sweep:
            kill_sweep(Path(folder) / "sweep", outcome)
    return outcome


def kill_one(case: KillCase, count: int, folder: Path, random: Random, outcome: Outcome) -> None:
    """Kill a run of the case `count` times, resume it each time, and compare its end with that of an undisturbed run."""
    whole = small_run.finished(case.method, folder / "whole", *case.settings)
    cut = folder / "cut"
    process, killed = small_run.begin(case.method, cut, *case.settings), 0
    for moment in moments(whole, count, random):
        if not _killed_at(moment, process, cut, leader_alone=random.random() < 0.5):
            break  # it ended before the moment was seen
        killed += 1
        outcome.count(case.name, f"killed in {moment.kind}")
        if stray := _stray(process.pid):
            outcome.find(case.name, f"killed in {moment.kind}, it leaves processes running: {', '.join(stray)}")
        begun = [path.parent for path in cut.glob("*/manifest.json")]
        process = small_run.resume(begun[0]) if begun else small_run.begin(case.method, cut, *case.settings)
    process.wait()
    if wrong := success(process):
        outcome.find(case.name, f"resumed after {killed} kills, it ends with {wrong}")
        return
    other = small_run.only_folder(cut)
    for difference in differences(whole, other):
        outcome.find(case.name, f"after {killed} kills, {difference}")
    for finding in check_record(other).findings:
        outcome.find(case.name, f"after {killed} kills, its record is found wrong: {finding}")


def _killed_at(moment: Moment, process: Forked, out: Path, leader_alone: bool) -> bool:
    """SIGKILL to all processes of a run, as a cluster does it, or to its first alone, as a machine without memory does it."""

    def reached() -> bool:
        return any(moment.reached(folder.parent) for folder in out.glob("*/manifest.json"))

    if not process.wait_for(reached) or process.poll() is not None:
        return False
    with contextlib.suppress(TimeoutError):
        process.wait_for(lambda: False, moment.later)
    if process.poll() is not None:
        return False
    (os.kill if leader_alone else os.killpg)(process.pid, signal.SIGKILL)
    process.wait()
    return True


def _stray(group: int) -> list[str]:
    """The processes of a group that outlive its first one."""
    alive = [one for one in psutil.process_iter() if _group(one.pid) == group]
    _, stray = psutil.wait_procs(alive, timeout=PATIENCE)
    return [" ".join(one.cmdline())[:100] for one in stray if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
