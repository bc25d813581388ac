"""Requests spread over vLLM servers, a bounded number at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Self

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.policies.engines.vllm_server import Server


class RequestsInFlight:
    """Keeps each server busy with `Server.in_flight` requests, from entry to exit.

    The first ones are dealt out in turn; after that, a server is given another request when it has finished one, so that the
    faster server does more. Threads are daemons: a run that fails or is interrupted does not wait for long completions.
    """

    def __init__(
        self, servers: Sequence[Server], requests: Sequence[Request], parameters: SamplingParameters, ends: Sequence[int]
    ) -> None:
        self.requests = requests
        self.parameters = parameters
        self.ends = ends
        self.left = len(requests)
        """How many have not been returned by `finished`."""
        slots = [server for slot in range(max(s.in_flight for s in servers)) for server in servers if slot < server.in_flight]
        self._dealt = list(zip(slots, range(len(requests)), strict=False))
        self._todo = deque(range(len(self._dealt), len(requests)))
        self._done: SimpleQueue[tuple[int, Completion] | Exception] = SimpleQueue()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        for server, position in self._dealt:
            threading.Thread(target=self._work, args=(server, position), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def finished(self, until: float) -> list[tuple[int, Completion]]:
        """Positions and completions that finish before `until`, of `time.monotonic`, or sooner if they are the last.

        Raises what a server raised.
        """
        found: list[tuple[int, Completion]] = []
        while self.left and (wait := until - time.monotonic()) > 0:
            try:
                done = self._done.get(timeout=wait)
            except Empty:
                break
            if isinstance(done, Exception):
                raise done
            found.append(done)
            self.left -= 1
        return found

    def _work(self, server: Server, position: int) -> None:
        while not self._over.is_set():
            try:
                self._done.put((position, server.complete(self.requests[position], self.parameters, self.ends)))
            except Exception as error:
                self._done.put(error)
                return
            try:
                position = self._todo.popleft()
            except IndexError:
                return
