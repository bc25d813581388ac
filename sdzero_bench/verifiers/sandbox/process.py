"""Run one process in a sandbox: send it a job, read its reports, and leave nothing behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

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
    said, words = bytearray(), bytearray()
    try:
        _talk(process, memoryview(job), time.monotonic() + seconds, said, most, words, hear)
    finally:
        _end(process)
    return words.decode("utf-8", "replace").strip()


def _talk(
    process: subprocess.Popen[bytes],
    left: memoryview,
    until: float,
    said: bytearray,
    most: int,
    words: bytearray,
    hear: Callable[[bytes], None],
) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ, said)
        selector.register(process.stderr, selectors.EVENT_READ, words)
        while len(selector.get_map()) > (not process.stdin.closed) and len(said) <= most and time.monotonic() < until:
            for key, _ in selector.select(max(0.0, until - time.monotonic())):
                if key.fileobj is process.stdin:
                    try:
                        left = left[os.write(key.fd, left) :]
                    except BrokenPipeError:
                        left = left[:0]
                    if not left:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif data := os.read(key.fd, 1 << 20):
                    key.data.extend(data)
                    del words[:-_MOST_WORDS]
                    while len(said) >= 4 and len(said) >= (end := 4 + int.from_bytes(said[:4], "big")):
                        report = bytes(said[4:end])
                        del said[:end]
                        hear(report)
                else:
                    selector.unregister(key.fileobj)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group. In tiers 1 and 2 the rest of the namespace dies with it; tier 3 has only the group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()
