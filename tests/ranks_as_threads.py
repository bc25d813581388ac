"""The ranks of a run as threads of this process, for tests of what they share without starting processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sdzero_bench.core.distributed import Ranks

T = TypeVar("T")


class ThreadRanks(Ranks):
    """A rank whose collectives wait for the other threads, and fail after 20 seconds instead of for ever."""

    def __init__(self, index: int, count: int, barrier: threading.Barrier, board: list[Any]) -> None:
        super().__init__(index, count)
        self.barrier = barrier
        self.board = board

    def _everyones(self, own: Any) -> list[Any]:
        self.board[self.index] = own
        self.wait()
        everyones = list(self.board)
        self.wait()
        return everyones

    def gather(self, own: Sequence[T]) -> list[T]:
        return [item for items in self._everyones(list(own)) for item in items]

    def from_first(self, value: T) -> T:
        first: T = self._everyones(value)[0]
        return first

    def wait(self) -> None:
        self.barrier.wait(timeout=20)


def in_ranks(count: int, work: Callable[[Ranks], T]) -> list[T]:
    """What `work` returns on each of `count` ranks, in rank order."""
    barrier, board = threading.Barrier(count), [None] * count
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda index: work(ThreadRanks(index, count, barrier, board)), range(count)))
