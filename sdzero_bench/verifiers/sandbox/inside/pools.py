"""The interface of `multiprocessing.Pool`, with threads: that of `multiprocessing.dummy` needs semaphores, hence a /dev/shm."""

from __future__ import annotations

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class ThreadedPool:
    """Without what only processes have, such as a limit of tasks for each."""

    def __init__(self, processes: int | None = None, initializer: Any = None, initargs: Any = (), maxtasksperchild: Any = None):
        from concurrent.futures import ThreadPoolExecutor

        self._executor = ThreadPoolExecutor(min(processes or 2, 8), initializer=initializer, initargs=tuple(initargs))

    def apply_async(self, function: Callable[..., Any], args: Any = (), kwds: Any = None, *_: object) -> AsyncAnswer:
        return AsyncAnswer(self._executor.submit(function, *args, **(kwds or {})))

    def apply(self, function: Callable[..., Any], args: Any = (), kwds: Any = None) -> Any:
        return self.apply_async(function, args, kwds).get()

    def imap(self, function: Callable[..., Any], items: Iterable[Any], chunksize: int | None = None) -> Any:
        return iter(self._executor.map(function, items))

    imap_unordered = imap

    def map(self, function: Callable[..., Any], items: Iterable[Any], chunksize: int | None = None) -> list[Any]:
        return list(self._executor.map(function, items))

    def starmap(self, function: Callable[..., Any], items: Iterable[Any], chunksize: int | None = None) -> list[Any]:
        return self.map(lambda args: function(*args), items)

    def map_async(self, function: Callable[..., Any], items: Iterable[Any], *_: object) -> AsyncAnswer:
        futures = [self._executor.submit(function, item) for item in items]
        return AsyncAnswer(*futures, many=True)

    def starmap_async(self, function: Callable[..., Any], items: Iterable[Any], *_: object) -> AsyncAnswer:
        return self.map_async(lambda args: function(*args), items)

    def close(self) -> None:
        self._executor.shutdown(wait=False)

    terminate = close

    def join(self) -> None:
        self._executor.shutdown()

    def __enter__(self) -> ThreadedPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncAnswer:
    """What has been asked of a pool, one or many."""

    def __init__(self, *futures: Any, many: bool = False) -> None:
        self._futures, self._many = futures, many

    def get(self, timeout: float | None = None) -> Any:
        values = [future.result(timeout) for future in self._futures]
        return values if self._many else values[0]

    def wait(self, timeout: float | None = None) -> None:
        for future in self._futures:
            future.exception(timeout)

    def ready(self) -> bool:
        return all(future.done() for future in self._futures)

    def successful(self) -> bool:
        return all(future.exception() is None for future in self._futures)
