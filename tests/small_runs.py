"""Runs on a handful of questions."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any
from unittest import mock

from sdzero_bench.runs.launchers.processes import Layout, Sharding
from tools.torture.small_settings import SAVING, SMALL, options

__all__ = ["SAVING", "SMALL"]


def finding_tests() -> list[str]:
    """A prefix for commands that start modules of this folder."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return ["env", f"PYTHONPATH={path}"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sdzero_bench", *arguments]


def small_run(method: str, out: Path, *assignments: str) -> list[str]:
    """The command of a run on a few questions."""
    return command("run", "--method", method, "--out", str(out), "--json", *options(*SMALL, *assignments))


def launched(sharding: Sharding, *options: str) -> list[str]:
    """The command that starts a run with these options in two processes."""
    if sharding == "ddp":
        return command("launch", "--processes", "2", *options)
    # As `launch` does it, but for a program in which CPUs pass for devices that can hold shards.
    accelerate = [*finding_tests(), sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
    return [*accelerate, *Layout(2, sharding).arguments("shards_on_cpus", ["run", *options])]


def finished(arguments: list[str], cwd: Path | None = None, check: bool = False) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of a `command`, but in this process: to import torch and TRL takes longer than a small run.

    What differs in a process of its own, such as signals and several processes, is tested with subprocesses.
    """
    from sdzero_bench.cli.app import main

    level = logging.getLogger().level
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(_descriptor(number)) for number in (1, 2))
        stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(1, "w", encoding="utf-8", closefd=False))))
        stack.enter_context(contextlib.redirect_stderr(stack.enter_context(open(2, "w", encoding="utf-8", closefd=False))))
        stack.enter_context(mock.patch.object(sys, "argv", ["sdzero-bench", *arguments[len(command()) :]]))
        stack.enter_context(mock.patch.dict(os.environ))
        stack.enter_context(contextlib.chdir(cwd or "."))
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
        finally:
            logging.getLogger().setLevel(level)
            gc.collect()  # a folder is locked until the objects of its run are gone
        sys.stdout.flush()
        sys.stderr.flush()
        done = subprocess.CompletedProcess(arguments, code, *(Path(file.name).read_text() for file in (out, err)))
    assert not (check and done.returncode), done.stderr[-3000:]
    return done


@contextlib.contextmanager
def _descriptor(number: int) -> Any:
    """A file that takes what is written to a file descriptor meanwhile, by C code and child processes too."""
    before = os.dup(number)
    try:
        with tempfile.NamedTemporaryFile() as file:
            os.dup2(file.fileno(), number)
            yield file
    finally:
        os.dup2(before, number)
        os.close(before)


def run_json(arguments: list[str]) -> dict[str, Any]:
    """Run to the end; standard output has to be one JSON document."""
    own = arguments[: len(command())] == command()
    done = finished(arguments) if own else subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
