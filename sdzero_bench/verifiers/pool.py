"""Verify responses in worker processes that are killed when they take too long."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.verdict_cache import KnownVerdicts

KNOWN_VERDICTS = "SDZERO_BENCH_VERDICTS"
"""Environment variable with the file in which runs share what they know (known.py); a sweep sets it for its runs."""

_task: Task | None = None


def _start_worker(task: Task) -> None:
    global _task
    # math-verify says on every call that it has no time limit of its own: that is what these processes are for.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    _task = task


def _verify(question: Question, response: str) -> Verdict:
    assert _task is not None
    return _task.verify(question, response)


class _WorkerProcess(SpawnProcess):
    """A worker that never hears of Ctrl-C, not even while it is still importing: the parent decides when it ends."""

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the child
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _WorkerContext(SpawnContext):
    Process = _WorkerProcess


class VerifierPool:
    """Worker processes that each hold the task; a call that overruns costs its worker, not the pool.

    The workers are spawned, not forked: the parent may hold a model and its threads.
    """

    def __init__(self, task: Task, workers: int | None = None, timeout_seconds: float = 10.0) -> None:
        self.timeout_seconds = timeout_seconds
        self._task = task
        shared = os.environ.get(KNOWN_VERDICTS)
        self._known = KnownVerdicts(Path(shared) if shared else None)
        self._pool = ProcessPool(
            max_workers=workers or min(os.cpu_count() or 1, 8),
            initializer=_start_worker,
            initargs=(task,),
            context=_WorkerContext(),
        )

    def verify(self, pairs: Sequence[tuple[Question, str]], each: Callable[[Verdict], None] | None = None) -> list[Verdict]:
        """Verdicts in the order of `pairs`. A time-out or an exception becomes a verdict with that status.

        Responses to which the task gives the same key are verified once.
        """
        keys = [self._task.verdict_key(*pair) or number for number, pair in enumerate(pairs)]
        known: dict[str | int, Verdict] = dict(self._known.get(key for key in keys if isinstance(key, str)).items())
        futures = {}
        for key, (question, response) in zip(keys, pairs, strict=True):
            if key not in known and key not in futures:
                limit = self._task.time_limit(question) or self.timeout_seconds
                futures[key] = limit, self._pool.schedule(_verify, args=(question, response), timeout=limit)
        for key in keys:
            if key not in known:
                known[key] = self._verdict(*futures[key])
            if each is not None:
                each(known[key])
        self._known.add({key: known[key] for key in futures if isinstance(key, str)})
        return [known[key] for key in keys]

    @staticmethod
    def _verdict(limit: float, future: Any) -> Verdict:
        try:
            return future.result()
        except FutureTimeoutError:
            return Verdict.failed("timeout", f"no verdict within {limit:g} s")
        except ProcessExpired as error:
            return Verdict.failed("error", f"the verifier's process died with exit code {error.exitcode}")
        except Exception as error:  # the verifier's own, whatever it is: recorded with the sample and counted
            return Verdict.failed("error", f"{type(error).__name__}: {error}")

    def close(self) -> None:
        self._known.close()
        self._pool.stop()
        self._pool.join()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
