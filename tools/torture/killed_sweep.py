"""A sweep that is killed in the middle of a run and started again: its runs end as they would have on their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sdzero_bench.testing.forked import Forked
from sdzero_bench.testing.same_end import differences
from tools.torture import small_run
from tools.torture.ends import success
from tools.torture.kill_cases import with_phase
from tools.torture.outcome import Outcome
from tools.torture.small_settings import ALONE, SAVING, SMALL, options

GROUP = "a sweep"


def kill_sweep(folder: Path, outcome: Outcome) -> None:
    """Kill a sweep of two methods once its first trained step is logged. Its runs are processes of their own, not forks."""
    methods = (with_phase(lambda phase: phase.kind == "finetune"), with_phase(lambda phase: phase.on_policy))
    out = folder / "sweep"
    settings = options(*SMALL, SAVING, ALONE)
    arguments = ["sweep", "--methods", ",".join(methods), "--seeds", "1", "--jobs", "1", "--out", str(out), *settings]
    first = Forked(arguments, folder / "first")

    def trains() -> bool:
        return any(path.stat().st_size for path in out.glob("*/training/*.jsonl"))

    if not first.wait_for(trains, seconds=600):
        outcome.find(GROUP, f"it ended before it trained: {success(first)}")
        return
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    outcome.count(GROUP, "killed in training")
    again = Forked(arguments, folder / "again")
    again.wait(seconds=600)
    if wrong := success(again):
        outcome.find(GROUP, f"started again, it ends with {wrong}")
        return
    for method in methods:
        whole = small_run.finished(method, folder / method, "evaluation.base=false")
        (other,) = out.glob(f"{method}-*")
        for difference in differences(whole, other):
            outcome.find(GROUP, f"started again, the run of {method}: {difference}")
