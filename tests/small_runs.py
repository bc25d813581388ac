"""Runs on a handful of questions, as subprocesses."""

from __future__ import annotations

import json
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


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sdzero_bench", *arguments]


def small_run(method: str, out: Path, *assignments: str) -> list[str]:
    """The command of a run on a few questions."""
    settings = [part for text in (*SMALL, *assignments) for part in ("--set", text)]
    return command("run", "--method", method, "--out", str(out), "--json", *settings)


def launched(launcher: str, *arguments: str, processes: int = 2) -> list[str]:
    """The command under `accelerate launch`, with the package's own configuration."""
    config = Path(__file__).parent.parent / "sdzero_bench" / "cli" / "launchers" / f"{launcher}.yaml"
    program = [str(Path(__file__).with_name("shards_on_cpus.py"))] if launcher == "fsdp2" else ["-m", "sdzero_bench"]
    options = ["--config_file", str(config), "--num_processes", str(processes), "--main_process_port", "0"]
    return [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", *options, *program, *arguments]


def run_json(arguments: list[str]) -> dict[str, Any]:
    """Run to the end; standard output has to be one JSON document."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
