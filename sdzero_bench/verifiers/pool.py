"""Verify responses in worker processes, which are killed when they exceed their time limit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any
from weakref import WeakSet

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.verdict_cache import KnownVerdicts

KNOWN_VERDICTS = "SDZERO_BENCH_VERDICTS"
"""Environment variable: the file in which the runs of a sweep share verdicts (verdict_cache.py). The sweep sets it."""

CLOCK_PER_CPU = 20
"""The limit by the clock, in CPU limits: a machine that runs that many processes per core still gives verdicts."""

_task: Task | None = None


def _start_worker(task: Task) -> None:
    global _task
    task.prepare_worker()
    _task = task


def _verify(question: Question, response: str, cpu_seconds: float | None) -> Verdict:
    assert _task is not None
    if cpu_seconds is None:
        return _task.verify(question, response)
    # At its end the process is killed by SIGPROF, whatever it is doing, even within one operation on huge integers.
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        return _task.verify(question, response)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class _WorkerProcess(SpawnProcess):
    """A worker that ignores Ctrl-C, even while it is importing: the parent decides when it ends."""

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the child
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _WorkerContext(SpawnContext):
    def __init__(self) -> None:
        self._workers: WeakSet[SpawnProcess] = WeakSet()

    def Process(self, *args: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]
        worker = _WorkerProcess(*args, **options)
        self._workers.add(worker)
        return worker

    def terminate(self) -> None:
        for worker in list(self._workers):
            if worker.is_alive():
                worker.terminate()


class VerifierPool:
    """Worker processes, each with a copy of the task; a call that exceeds its limit costs its worker, not the pool.

    Workers are spawned, not forked, since the parent may have loaded a model and started threads. Their imports are done before
    their first response, so that no limit includes them.

    timeout_seconds:
        CPU time per response, for tasks that set no `time_limit`.
    """

    def __init__(self, task: Task, workers: int | None = None, timeout_seconds: float = 10.0) -> None:
        self.timeout_seconds = timeout_seconds
        self._task = task
        shared = os.environ.get(KNOWN_VERDICTS)
        self._known = KnownVerdicts(Path(shared) if shared else None)
        self._context = _WorkerContext()
        self._pool = ProcessPool(
            max_workers=workers or min(os.cpu_count() or 1, 8),
            initializer=_start_worker,
            initargs=(task,),
            context=self._context,
        )

    def verify(self, pairs: Sequence[tuple[Question, str]], each: Callable[[Verdict], None] | None = None) -> list[Verdict]:
        """Verdicts in the order of `pairs`, passed to `each` as they come. A timeout or an exception becomes a verdict with
        that status. Responses with the same `Task.verdict_key` are verified once.
        """
        keys = [self._task.verdict_key(*pair) or number for number, pair in enumerate(pairs)]
        known: dict[str | int, Verdict] = dict(self._known.get(key for key in keys if isinstance(key, str)).items())
        futures: dict[str | int, tuple[Question, ProcessFuture[Verdict]]] = {}
        for key, (question, response) in zip(keys, pairs, strict=True):
            if key not in known and key not in futures:
                futures[key] = question, self._schedule(question, response)
        for key in keys:
            if key not in known:
                known[key] = self._verdict(*futures[key])
            if each is not None:
                each(known[key])
        self._known.add({key: known[key] for key in futures if isinstance(key, str)})
        return [known[key] for key in keys]

    def _schedule(self, question: Question, response: str) -> ProcessFuture[Verdict]:
        clock = self._task.time_limit(question)
        cpu = self.timeout_seconds if clock is None else None
        limit = clock or CLOCK_PER_CPU * self.timeout_seconds
        return self._pool.schedule(_verify, args=(question, response, cpu), timeout=limit)

    def _verdict(self, question: Question, future: ProcessFuture[Verdict], control: bool = False) -> Verdict:
        try:
            return future.result()
        except FutureTimeoutError:
            limit = self._task.time_limit(question) or CLOCK_PER_CPU * self.timeout_seconds
            return Verdict.failed("timeout", f"no verdict within {limit:g} s")
        except ProcessExpired as error:
            if error.exitcode != -signal.SIGPROF:
                return Verdict.failed("error", f"the verifier's process died with exit code {error.exitcode}")
            return Verdict.failed("timeout", self._over()) if control else self._blame(question)
        except Exception as error:  # raised by the verifier: recorded with the sample and counted
            return Verdict.failed("error", f"{type(error).__name__}: {error}")

    def _blame(self, question: Question) -> Verdict:
        """The verdict on a response that took too much CPU time. It is the response's fault, unless a plain answer to the same
        question fails too: then it is the gold answer's."""
        control = self._verdict(question, self._schedule(question, self._task.stated("0")), control=True)
        return Verdict.failed("timeout", self._over()) if control.reward is None else Verdict.refused(self._over())

    def _over(self) -> str:
        return f"no verdict within {self.timeout_seconds:g} s of CPU time"

    def close(self) -> None:
        self._known.close()
        self._pool.stop()
        # Before `join` removes the semaphores: a worker that has not received them yet would end with a traceback.
        self._context.terminate()
        self._pool.join()

    def __enter__(self) -> VerifierPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
