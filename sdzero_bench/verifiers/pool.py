"""Verify responses in worker processes, which are killed when they exceed their time limit."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait
from pathlib import Path
from pickle import PicklingError

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.verdict_cache import KnownVerdicts
from sdzero_bench.verifiers.worker_processes import WorkerContext, needs_main

KNOWN_VERDICTS = "SDZERO_BENCH_VERDICTS"
"""Environment variable: the file in which the runs of a sweep share verdicts (verdict_cache.py). The sweep sets it."""

CLOCK_PER_CPU = 20
"""The limit by the clock, in CPU limits: a machine that runs that many processes per core still gives verdicts."""

RESTARTS = 4
"""Workers that may end before one holds the task."""

_task: Task | None = None


def _start_worker(task: Task) -> None:
    global _task
    task.prepare_worker()
    _task = task


def _ready() -> None:
    """What a worker answers once it holds the task."""


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
        self._context = WorkerContext(with_main=needs_main(task))
        self._workers = workers or min(os.cpu_count() or 1, 8)
        self._pool = ProcessPool(
            max_workers=self._workers,
            initializer=_start_worker,
            initargs=(task,),
            context=self._context,
        )
        self._loaded = False

    def verify(self, pairs: Sequence[tuple[Question, str]], each: Callable[[Verdict], None] | None = None) -> list[Verdict]:
        """Verdicts in the order of `pairs`, passed to `each` as they come. A timeout or an exception becomes a verdict with
        that status. Responses with the same `Task.verdict_key` are verified once.

        Raises `UserError` if no worker can load the task, such as one whose class exists in a notebook alone.
        """
        self._wait_for_a_worker()
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

    def _wait_for_a_worker(self) -> None:
        if self._loaded:
            return
        try:
            ready = self._pool.schedule(_ready)
            while not ready.done():
                wait([ready], timeout=0.2)
                # The pool replaces workers that end before they hold the task, again and again.
                if self._context.started > self._workers + RESTARTS:
                    raise UserError(self._not_loaded("its processes end as they start"))
            ready.result()
        except (ProcessExpired, RuntimeError, AttributeError, PicklingError, TypeError) as error:
            raise UserError(self._not_loaded(str(error))) from error
        self._loaded = True

    def _not_loaded(self, why: str) -> str:
        kind = type(self._task)
        begun = f"the verifier's processes cannot load the task {kind.__qualname__!r} ({why})"
        if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
            return (
                f"{begun}: define its class at the top level of a file that can be imported, not in a notebook or a function; "
                f'in a script, call sdzero_bench under `if __name__ == "__main__":`'
            )
        return f"{begun}: the module {kind.__module__!r} must be importable in a fresh process; see the error above"

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
