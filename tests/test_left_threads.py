"""A program ends though code of a method or task has left threads running, and with its own exit code."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading, time
from sdzero_bench.cli import app
from sdzero_bench.core import left_threads

left_threads.PATIENCE = 0.5
def command():
    {left}
    raise SystemExit({code})
app.main = command
app.program()
"""
THREAD = "threading.Thread(target=time.sleep, args=(600,), name='heartbeat').start()"
SLOW_END = "atexit.register(lambda: (time.sleep(2), print('uploaded')))"


def ended(left: str, code: int) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(left=left, code=code)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", [0, 2])
def test_a_thread_that_never_ends(code: int) -> None:
    done = ended(THREAD, code)
    assert done.returncode == code
    assert done.stderr.rstrip().endswith("threads left running by a method, task or library: heartbeat")


def test_what_runs_at_exit_may_take_its_time() -> None:
    """As a tracker's last upload does, in Python's own order."""
    done = ended(SLOW_END, 0)
    assert (done.returncode, done.stdout, done.stderr) == (0, "uploaded\n", "")
