"""Processes of a verifier pool: spawned, deaf to Ctrl-C, and without the script that made the pool."""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import spawn
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any
from weakref import WeakSet

_one_at_a_time = threading.Lock()


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes that this thread starts do not run the script that is `__main__` here.

    `multiprocessing` would run it again in each of them, so that a script without `if __name__ == "__main__":` would start
    itself anew.
    """
    with _one_at_a_time:
        original, thread = spawn.get_preparation_data, threading.get_ident()

        def preparation_data(name: str) -> dict[str, Any]:
            data = original(name)
            if threading.get_ident() == thread:
                data = {key: value for key, value in data.items() if not key.startswith("init_main_")}
            return data

        spawn.get_preparation_data = preparation_data
        try:
            yield
        finally:
            spawn.get_preparation_data = original


def needs_main(task: object) -> bool:
    """Whether a worker can load the task only after it has run the script that is `__main__` here."""
    try:
        return b"__main__" in pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError):
        return True  # no worker can load it


class _WorkerProcess(SpawnProcess):
    """A worker that ignores Ctrl-C, even while it is importing: the parent decides when it ends."""

    with_main = True

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by the child
        try:
            with nullcontext() if self.with_main else _without_main():
                super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerContext(SpawnContext):
    """Starts the workers of a pool.

    with_main:
        Whether they import the script that is running, as they must if the task is defined in it.
    """

    def __init__(self, with_main: bool) -> None:
        self._with_main = with_main
        self._workers: WeakSet[SpawnProcess] = WeakSet()
        self.started = 0

    def Process(self, *args: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]
        worker = _WorkerProcess(*args, **options)
        worker.with_main = self._with_main
        self._workers.add(worker)
        self.started += 1
        return worker

    def terminate(self) -> None:
        for worker in list(self._workers):
            if worker.is_alive():
                worker.terminate()
