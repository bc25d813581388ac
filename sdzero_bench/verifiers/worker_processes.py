"""Processes of a verifier pool: spawned, deaf to Ctrl-C, and without the script that made the pool."""

from __future__ import annotations

import io
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import spawn
from multiprocessing.context import SpawnContext, SpawnProcess
from types import FunctionType
from typing import Any
from weakref import WeakSet

from sdzero_bench.core.errors import UserError

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


class _Pickler(pickle.Pickler):
    """Notes whether anything of the script that is `__main__` here is in what it pickles."""

    needs_main = False

    def reducer_override(self, value: object) -> Any:
        defines = value if isinstance(value, type | FunctionType) else type(value)
        self.needs_main |= defines.__module__ == "__main__"
        return NotImplemented


def pickled_for_workers(task: object) -> tuple[bytes, bool]:
    """The task for its workers, and whether they can load it only after they have run the script that is `__main__` here.

    Raises `UserError` for a task that cannot be pickled.
    """
    file = io.BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(task)
    except Exception as error:
        kind = type(task)
        where = (
            f"; define its class at the top level of a file that can be imported, not in {kind.__qualname__.partition('.')[0]}"
            if "<locals>" in kind.__qualname__
            else ""
        )
        raise UserError(
            f"the task {kind.__qualname__!r} cannot be copied to the verifier's processes "
            f"({type(error).__name__}: {error}){where}"
        ) from error
    return file.getvalue(), pickler.needs_main


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
