"""Run a sdzero-bench command in a process that is forked from this one.

The imports of torch, transformers and TRL take 10 seconds of CPU time, more than a small run. A process that has them already
forks in milliseconds, so that a run can be killed and resumed many times a minute.
"""

from __future__ import annotations

import multiprocessing.util
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sdzero_bench.training.phase  # noqa: F401  # what a run would import
from sdzero_bench.cli.app import main


class Forked:
    """A command as `subprocess.Popen(..., start_new_session=True)` would start it.

    Parameters:
        arguments: those of `sdzero-bench`.
        output: the folder for the files `stdout` and `stderr`, which the process writes.

    Raises (from `wait` and `wait_for`):
        TimeoutError: the process, or what is waited for, took too long.
    """

    def __init__(self, arguments: list[str], output: Path) -> None:
        output.mkdir(parents=True, exist_ok=True)
        self._files = output / "stdout", output / "stderr"
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(arguments)

    def _become(self, arguments: list[str]) -> None:
        code: Any = 1
        try:
            os.setsid()
            for number, path in enumerate(self._files, start=1):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
            for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                signal.signal(number, handler)
            sys.argv = ["sdzero-bench", *arguments]
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        finally:  # whatever the parent has registered for its own end is not run
            multiprocessing.util._run_finalizers(0)  # type: ignore[attr-defined]  # its own alone, as at any end
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code if isinstance(code, int) else 1)

    @property
    def stdout(self) -> str:
        return self._files[0].read_text()

    @property
    def stderr(self) -> str:
        return self._files[1].read_text()

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait_for(self, condition: Callable[[], bool], seconds: float = 120) -> bool:
        """Whether the condition came to hold before the process ended."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.poll() is not None:
                return condition()
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing within {seconds:g} s")
            time.sleep(0.02)
        return True

    def wait(self, seconds: float = 300) -> int:
        self.wait_for(lambda: self.poll() is not None, seconds)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """SIGKILL to the process and its children, and the wait for its end."""
        os.killpg(self.pid, signal.SIGKILL)
        self.wait()
