"""The tester's side of its conversation with the program's process. Answers are untrusted."""

from __future__ import annotations

import os

from .codec import Unreadable, decode, encode
from .forking import fork
from .program import serve
from .watch import Death, readable, writable

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from typing import Any

    from sdzero_bench.verifiers.sandbox.limits import LimitsInForce


class NotCompiled(Exception):
    """The program could not be compiled."""


class Program:
    """A Python program that has been loaded and answers requests.

    `shares`: whether it then holds a conversation (conversing.py); else it is asked to call functions, and answers with data.
    """

    def __init__(self, source: str, limits: LimitsInForce, filter_bytes: bytes, shares: bool) -> None:
        self.limits = limits
        self.heard = b""
        most = limits["output"]
        request_end, self._request = os.pipe()
        self._reply, reply_end = os.pipe()
        nowhere = os.open(os.devnull, os.O_RDWR)

        def body(request: int, reply: int) -> None:
            serve(source, request, reply, shares, most)

        self.watch = fork(body, (nowhere, nowhere, nowhere, request_end, reply_end), limits, limits["total_cpu"], filter_bytes)
        for fd in (nowhere, request_end, reply_end):
            os.close(fd)
        os.set_blocking(self._request, False)

    def load(self) -> None:
        """Wait until the module has been executed. Raises `NotCompiled`, or `Death` if that failed."""
        answer = self._answer()
        if answer[0] == "syntax" and isinstance(answer[1], str):
            raise NotCompiled(answer[1])
        if self._understood(answer)[0] != "value":
            raise self.watch.kill(*failure(answer, "while it was loaded: "))

    def ask(self, operation: str, target: object, *args: object) -> tuple[Any, ...]:
        """The answer: ("value", value) or ("raise", type, message, builtin bases). Raises `Death`."""
        if self.watch.death is not None:
            raise self.watch.death
        self.send(encode((operation, target, args)))
        return self._understood(self._answer())

    def send(self, request: bytes) -> None:
        """Send a message. Raises `Death` if the program does not take it."""
        data = memoryview(len(request).to_bytes(4, "big") + request)
        while data:
            self.watch.check()
            if writable(self._request):
                try:
                    data = data[os.write(self._request, data) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise self._gone() from None

    def receive(self) -> bytes:
        """The next message. Raises `Death` if there is none."""
        length = int.from_bytes(self._read(4), "big")
        if length > self.limits["output"]:
            raise self.watch.kill("output", "it wrote over the tester's channel")
        return self._read(length)

    def _answer(self) -> tuple[Any, ...]:
        self.heard = self.receive()
        self.watch.answered()
        try:
            answer = decode(self.heard, lambda number, name: None)
        except Unreadable as error:
            raise self.watch.kill("output", f"its answer cannot be read: {error}") from None
        except MemoryError:
            raise self.watch.kill("memory", "its answer takes too much memory") from None
        if not isinstance(answer, tuple) or len(answer) < 2:
            raise self.watch.kill("output", "its answer cannot be read")
        return answer

    def _understood(self, answer: tuple[Any, ...]) -> tuple[Any, ...]:
        kinds: dict[Any, tuple[type, ...]] = {"raise": (str, str, list), "exit": (str,), "unreadable": (str,)}
        kind, *rest = answer
        if kind == "value" and len(rest) == 1:
            return answer
        if not isinstance(kind, str) or tuple(map(type, rest)) != kinds.get(kind):
            raise self.watch.kill("output", "its answer cannot be read")
        return answer

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            self.watch.check()
            if readable([self._reply]):
                part = os.read(self._reply, min(length, 1 << 20))
                if not part:
                    raise self._gone()
                parts.append(part)
                length -= len(part)
        return b"".join(parts)

    def _gone(self) -> Death:
        death = self.watch.ended(0.5)
        return death or self.watch.kill("output", "it closed the tester's channel")


def failure(answer: tuple[Any, ...], where: str = "") -> tuple[str, str]:
    """Outcome and detail of an answer that is not a value."""
    kind, *rest = answer
    if kind == "raise":
        name, message, bases = rest
        return "memory" if "MemoryError" in bases else "exception", f"{where}{name}: {message}"
    return {"exit": "exit", "unreadable": "output"}[kind], where + str(rest[0])
