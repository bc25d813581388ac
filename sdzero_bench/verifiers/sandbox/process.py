"""Run one job in a sandbox: send it, read its reports, and leave nothing behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import IO

_MOST_WORDS = 4000


def exchange(
    command: Sequence[str], job: bytes, seconds: float, most: int, environment: dict[str, str], hear: Callable[[bytes], None]
) -> str:
    """Run the command with `job` as standard input, and pass each of its reports to `hear` as it comes; return the end of its
    standard error.

    A report is four bytes with its length, and as many more. After `seconds`, or a report of more than `most` bytes, the
    command is killed with everything it started. Raises `OSError` if the command cannot be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C must not reach it, and tier 3 is killed as a process group
        bufsize=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with Talk(process.stdin, process.stdout, process.stderr) as talk:
            return talk.hold(job, seconds, most, hear)
    finally:
        kill(process)


class Talk:
    """The host's ends of a job's standard streams, unbuffered. Leaving the context closes them."""

    def __init__(self, send: IO[bytes], reports: IO[bytes], words: IO[bytes]) -> None:
        self._send, self._reports, self._words = send, reports, words
        self.complete = False
        """Whether the other side has ended by itself."""

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._send, self._reports, self._words):
            stream.close()

    def hold(self, job: bytes, seconds: float, most: int, hear: Callable[[bytes], None]) -> str:
        """Send the job, and hear reports until there are no more, the time is up, or one is larger than `most`."""
        until, left = time.monotonic() + seconds, memoryview(job)
        said, words = bytearray(), bytearray()
        os.set_blocking(self._send.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._send, selectors.EVENT_WRITE)
            selector.register(self._reports, selectors.EVENT_READ, said)
            selector.register(self._words, selectors.EVENT_READ, words)
            listening = 2
            while listening and len(said) <= most and time.monotonic() < until:
                for key, _ in selector.select(max(0.0, until - time.monotonic())):
                    if key.fileobj is self._send:
                        left = self._sent(left)
                        if not left:
                            selector.unregister(self._send)
                            self._send.close()
                    elif data := os.read(key.fd, 1 << 20):
                        key.data.extend(data)
                        del words[:-_MOST_WORDS]
                        _pass_on(said, hear)
                    else:
                        selector.unregister(key.fileobj)
                        listening -= 1
            self.complete = not listening
        return words.decode("utf-8", "replace").strip()

    def _sent(self, left: memoryview) -> memoryview:
        try:
            return left[os.write(self._send.fileno(), left) :]
        except BrokenPipeError:
            return left[:0]


def _pass_on(said: bytearray, hear: Callable[[bytes], None]) -> None:
    while len(said) >= 4 and len(said) >= (end := 4 + int.from_bytes(said[:4], "big")):
        report = bytes(said[4:end])
        del said[:end]
        hear(report)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group. In tiers 1 and 2 the rest of the namespace dies with it; tier 3 has only the group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()
