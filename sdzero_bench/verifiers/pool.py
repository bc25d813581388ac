"""Verify responses in worker processes, which are killed when they exceed their time limit."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers import in_worker
from sdzero_bench.verifiers.verdict_cache import KnownVerdicts
from sdzero_bench.verifiers.worker_processes import WorkerContext, pickled_for_workers

KNOWN_VERDICTS = "SDZERO_BENCH_VERDICTS"
"""Environment variable: the file in which the runs of a sweep share verdicts (verdict_cache.py). The sweep sets it."""

CLOCK_PER_CPU = 20
"""The limit by the clock, in CPU limits: a machine that runs that many processes per core still gives verdicts."""

RESTARTS = 4
"""Workers that may end before one holds the task."""

LOADING_SECONDS = 600.0
"""By the clock, within which a worker has to hold the task."""


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
        pickled, with_main = pickled_for_workers(task)
        self._context = WorkerContext(with_main)
        self._workers = workers or min(os.cpu_count() or 1, 8)
        self._pool = ProcessPool(
            max_workers=self._workers,
            initializer=in_worker.start,
            initargs=(pickled,),
            context=self._context,
        )
        self._loaded = False

    def verify(self, pairs: Sequence[tuple[Question, str]], each: Callable[[Verdict], None] | None = None) -> list[Verdict]:
        """Verdicts in the order of `pairs`, passed to `each` as they come. A timeout or an exception becomes a verdict with
        that status. Responses with the same `Task.verdict_key` are verified once.

        Raises `UserError` if no worker can load the task, such as one whose class exists in a notebook alone.
        """
        self._wait_for_a_worker()
        keys = [self._key(*pair) or number for number, pair in enumerate(pairs)]
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

    def _key(self, question: Question, response: str) -> str | None:
        try:
            key: object = self._task.verdict_key(question, response)
        except Exception:  # at a strange response: it is verified on its own
            return None
        return key if isinstance(key, str) else None

    def _wait_for_a_worker(self) -> None:
        if self._loaded:
            return
        try:
            ready, deadline = self._pool.schedule(in_worker.fault), time.monotonic() + LOADING_SECONDS
            while not ready.done():
                wait([ready], timeout=0.2)
                # The pool replaces workers that end before they hold the task, again and again.
                if self._context.started > self._workers + RESTARTS:
                    raise UserError(self._not_loaded("its processes end as they start"))
                if time.monotonic() > deadline:
                    raise UserError(self._not_loaded(f"it takes more than {LOADING_SECONDS:g} s"))
            why = ready.result()
        except (ProcessExpired, RuntimeError) as error:
            raise UserError(self._not_loaded(str(error))) from error
        if why is not None:
            raise UserError(self._not_loaded(why))
        self._loaded = True

    def _not_loaded(self, why: str) -> str:
        kind = type(self._task)
        begun = f"the verifier's processes cannot load the task {kind.__qualname__!r} ({why})"
        if "Can't get attribute" in why or "Can't get local object" in why:
            return (
                f"{begun}: define its class at the top level of a file that can be imported, not in a notebook or a function; "
                f'in a script, call sdzero_bench under `if __name__ == "__main__":`'
            )
        return f"{begun}; they import {kind.__module__!r} anew, and call its prepare_worker"

    def _schedule(self, question: Question, response: str) -> ProcessFuture[Verdict]:
        clock = self._task.time_limit(question)
        cpu = self.timeout_seconds if clock is None else None
        limit = clock or CLOCK_PER_CPU * self.timeout_seconds
        pair = pickle.dumps((question, response))
        return self._pool.schedule(in_worker.verify, args=(pair, cpu), timeout=limit)

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
