"""Verify responses in worker processes, which are killed when they exceed their time limit."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.verdict_cache import KnownVerdicts

KNOWN_VERDICTS = "SDZERO_BENCH_VERDICTS"
"""Environment variable: the file in which the runs of a sweep share verdicts (verdict_cache.py). The sweep sets it."""

_task: Task | None = None


def _start_worker(task: Task) -> None:
    global _task
    # math-verify warns on every call that it has no time limit; these processes provide one.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    _task = task


def _verify(question: Question, response: str) -> Verdict:
    assert _task is not None
    return _task.verify(question, response)


class _WorkerProcess(SpawnProcess):
    """A worker that ignores Ctrl-C, even while it is importing: the parent decides when it ends."""

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the child
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _WorkerContext(SpawnContext):
    Process = _WorkerProcess


class VerifierPool:
    """Worker processes, each with a copy of the task; a call that exceeds its limit costs its worker, not the pool.

    Workers are spawned, not forked, since the parent may have loaded a model and started threads.
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
        """Verdicts in the order of `pairs`, passed to `each` as they come. A timeout or an exception becomes a verdict with
        that status. Responses with the same `Task.verdict_key` are verified once.
        """
        keys = [self._task.verdict_key(*pair) or number for number, pair in enumerate(pairs)]
        known: dict[str | int, Verdict] = dict(self._known.get(key for key in keys if isinstance(key, str)).items())
        futures: dict[str | int, tuple[float, ProcessFuture[Verdict]]] = {}
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
    def _verdict(limit: float, future: ProcessFuture[Verdict]) -> Verdict:
        try:
            return future.result()
        except FutureTimeoutError:
            return Verdict.failed("timeout", f"no verdict within {limit:g} s")
        except ProcessExpired as error:
            return Verdict.failed("error", f"the verifier's process died with exit code {error.exitcode}")
        except Exception as error:  # raised by the verifier: recorded with the sample and counted
            return Verdict.failed("error", f"{type(error).__name__}: {error}")

    def close(self) -> None:
        self._known.close()
        self._pool.stop()
        self._pool.join()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
