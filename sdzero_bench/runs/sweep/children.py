"""Runs as child processes: started with a share of the machine, monitored, and ended together with all their processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.threads import available_cores, quick_to_sleep
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.runs.launchers.processes import Sharding
from sdzero_bench.runs.sweep.grid import PlannedRun
from sdzero_bench.runs.sweep.scheduler import Ended
from sdzero_bench.runs.sweep.status_reports import LOCKED, StatusReport
from sdzero_bench.verifiers.pool import KNOWN_VERDICTS

WORKER = "sdzero_bench.runs.sweep.worker"
LAUNCH = "sdzero_bench.runs.launchers.processes"


class Children:
    """Starts runs, `jobs` at a time; each gets an equal share of the cores, and `gpus` GPUs, with a process for each.

    With `gpus=0`, a run gets one GPU if there are any, and may share it. Raises `UserError` if more are needed than visible.
    """

    def __init__(self, jobs: int, out: Path, gpus: int = 0, sharding: Sharding = "ddp") -> None:
        self.out = out.resolve()
        self.sharding = sharding
        self.processes = max(1, gpus)
        self.threads = max(1, available_cores() // jobs // self.processes)
        self.accelerators = visible_accelerators()
        if jobs * gpus > len(self.accelerators):
            raise UserError(
                f"--gpus {gpus} with --jobs {jobs} needs {jobs * gpus} GPUs, but the number of visible ones is "
                f"{len(self.accelerators)}; lower one of them"
            )

    def start(self, run: PlannedRun, slot: int) -> Child:
        """Start a run in slot 0, 1, ... Raises `OSError` if its files cannot be written."""
        plan = plan_file(run)
        content = {
            "config": run.config.model_dump(mode="json"),
            "tuning": run.tuning and run.tuning.model_dump(mode="json"),
            "origin": run.origin and run.origin.model_dump(mode="json"),
        }
        write_atomic(plan, json.dumps(content, indent=2) + "\n")
        return Child(run, plan, self.environment(slot), self.processes, self.sharding)

    def close(self) -> None:
        """Nothing to release."""

    def environment(self, slot: int) -> dict[str, str]:
        """The environment of the run in this slot. It limits the threads, since torch processes that each use all cores slow
        each other down tenfold or more."""
        threads = min(self.threads, int(os.environ.get("OMP_NUM_THREADS") or self.threads))
        shares = {"OMP_NUM_THREADS": str(threads), **quick_to_sleep()}
        shares |= {"TOKENIZERS_PARALLELISM": "false", "TRL_EXPERIMENTAL_SILENCE": "1"}
        shares[KNOWN_VERDICTS] = os.environ.get(KNOWN_VERDICTS) or str(self.out / "verdicts.sqlite")
        if self.accelerators:
            first = slot * self.processes
            own = [self.accelerators[i % len(self.accelerators)] for i in range(first, first + self.processes)]
            shares["CUDA_VISIBLE_DEVICES"] = ",".join(own)
        return {**os.environ, **shares}


class Child:
    """A started run; a `RunAttempt` of the scheduler."""

    def __init__(
        self, run: PlannedRun, plan: Path, environment: dict[str, str], processes: int = 1, sharding: Sharding = "ddp"
    ) -> None:
        self.report = StatusReport()
        self._log = log_file(run)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        start = [sys.executable, "-m", *([LAUNCH, sharding, str(processes)] if processes > 1 else []), WORKER]
        with self._log.open("ab") as errors:
            self._logged_before = errors.tell()
            self._process = subprocess.Popen(
                [*start, str(run.folder), str(plan)],
                stdin=subprocess.PIPE,  # never written to: when it is closed, the child knows that the sweep has ended
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches only the sweep, which then ends its children
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.report = StatusReport.parse(line)

    def poll(self) -> Ended | None:
        """How the run ended, or None while it is running."""
        code = self._process.poll()
        if code is None:
            return None
        self._listener.join(timeout=5)
        if code == 0:
            return Ended("done")
        if code == LOCKED:
            return Ended("locked")
        if code < 0:
            return Ended("failed", _killed_by(-code))
        reason = self.report.failure or self._last_words() or f"it ended with exit code {code}"
        return Ended("no room" if self.report.no_room else "failed", reason)

    def _last_words(self) -> str:
        """The last line that this attempt logged, for a child that failed before it could report the reason."""
        lines = self._log.read_bytes()[self._logged_before :].decode(errors="replace").splitlines()
        return lines[-1].strip() if lines else ""

    def stop(self) -> None:
        """Ask the run to end; it saves its state first."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the run and all processes that it started."""
        assert self._process.stdin is not None
        self._process.stdin.close()  # processes that a launcher started are in groups of their own, and end themselves
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._listener.join(timeout=5)


def _killed_by(number: int) -> str:
    hint = "; the machine may have run out of memory" if number == signal.SIGKILL else ""
    return f"killed by {signal.Signals(number).name}{hint}"


def plan_file(run: PlannedRun) -> Path:
    return run.folder.parent / "plan" / f"{run.name}.json"


def log_file(run: PlannedRun) -> Path:
    return run.folder.parent / "logs" / f"{run.name}.log"


def visible_accelerators() -> Sequence[str]:
    """The devices in CUDA_VISIBLE_DEVICES, or else the indices of all devices that torch finds."""
    if (listed := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [device for device in listed.split(",") if device.strip()]
    count = "import torch; print(torch.cuda.device_count())"
    # In a separate process, so that the sweep itself does not load torch.
    found = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=False).stdout.strip()
    return [str(i) for i in range(int(found or 0))]
