"""The host's side of inside/nursery.py: a sandboxed Python for each thread that runs programs, which forks for each of them."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence

from sdzero_bench.verifiers.sandbox.process import Talk, kill

_PATIENCE = 5.0
"""Seconds for a namespace to be gone after its first process has ended."""


class Nursery:
    """A process that serves one job at a time. It ends with the thread that started it, and whatever goes wrong ends it."""

    def __init__(self, command: Sequence[str], modules: bytes, environment: dict[str, str]) -> None:
        """Raises `OSError` if the command cannot be started."""
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # Ctrl-C must not reach it
            )
        self.command, self._owner = command, os.getpid()
        try:
            self._control.sendall(modules)
        except OSError:
            raise self._ended() from None

    @property
    def usable(self) -> bool:
        """Whether it can serve another job; not in a process that was forked from the one that started it."""
        return self._owner == os.getpid() and self._process.poll() is None and self._control.fileno() >= 0

    def exchange(self, job: bytes, seconds: float, most: int, hear: Callable[[bytes], None]) -> str:
        """As `process.exchange`, of one job. Raises `OSError` if the process is no more."""
        try:
            with self._handed_over() as talk:
                words = talk.hold(job, seconds, most, hear)
        except BaseException:
            self.close()
            raise
        if not (talk.complete and self._ready()):
            self.close()
        return words

    def close(self) -> None:
        """Idempotent."""
        self._control.close()
        if self._owner == os.getpid():
            kill(self._process)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __del__(self) -> None:
        if hasattr(self, "_owner"):
            self.close()

    def _handed_over(self) -> Talk:
        (taken, send), (reports, report), (words, say) = (os.pipe() for _ in range(3))
        streams = os.fdopen(send, "wb", 0), os.fdopen(reports, "rb", 0), os.fdopen(words, "rb", 0)
        try:
            socket.send_fds(self._control, [b"\0"], [taken, report, say])
        except OSError:
            for stream in streams:
                stream.close()
            raise self._ended() from None
        finally:
            for theirs in (taken, report, say):
                os.close(theirs)
        return Talk(*streams)

    def _ready(self) -> bool:
        readable, _, _ = select.select([self._control], [], [], _PATIENCE)
        return bool(readable) and bool(self._control.recv(1))

    def _ended(self) -> OSError:
        """With the last line of what it said."""
        assert self._process.stderr is not None
        kill(self._process)
        said = self._process.stderr.read(4000).decode("utf-8", "replace").strip()
        self.close()
        return OSError(f"it did not start: {said.splitlines()[-1] if said else 'it said nothing'}")


_own = threading.local()


def nursery(command: Sequence[str], modules: bytes, environment: dict[str, str]) -> Nursery:
    """That of this thread, started if there is none of this command. Raises `OSError` if it cannot be started."""
    found: Nursery | None = getattr(_own, "nursery", None)
    if found is None or not found.usable or found.command != command:
        _own.nursery = None  # ends the old one first
        found = _own.nursery = Nursery(command, modules, environment)
    return found


def close_nursery() -> None:
    """End that of this thread, if there is one."""
    _own.nursery = None
