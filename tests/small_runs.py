"""Runs on a handful of questions, as subprocesses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SMALL = [
    "task.train=40",
    "task.validation=2",
    "task.test=6",
    "questions.train=null",
    "evaluation.samples=2",
    "evaluation.pass_at=2",
    "optimizer.batch_size=8",
    "optimizer.micro_batch_size=4",
    "optimizer.save_every=1",
    "sampling.batch_size=16",
]
"""Settings of a run that ends within seconds."""


def finding_tests() -> list[str]:
    """A prefix for commands that start modules of this folder."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return ["env", f"PYTHONPATH={path}"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sdzero_bench", *arguments]


def small_run(method: str, out: Path, *assignments: str) -> list[str]:
    """The command of a run on a few questions."""
    settings = [part for text in (*SMALL, *assignments) for part in ("--set", text)]
    return command("run", "--method", method, "--out", str(out), "--json", *settings)


def run_json(arguments: list[str]) -> dict[str, Any]:
    """Run to the end; standard output has to be one JSON document."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
