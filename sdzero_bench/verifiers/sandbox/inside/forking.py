"""Fork the program's process from the tester's, such that nothing of the tester stays within reach."""

from __future__ import annotations

import os

from .confine import confine
from .watch import Watch

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sdzero_bench.verifiers.sandbox.limits import LimitsInForce


class Broken(Exception):
    """The sandbox does not work here; not the program's fault."""


def fork(
    body: Callable[..., Any],
    descriptors: Sequence[int],
    limits: LimitsInForce,
    cpu_seconds: float,
    filter_bytes: bytes,
    image: str = "python",
) -> Watch:
    """Run `body` in a confined process of its own; `image`: what runs in it (confine.py).

    The first three of `descriptors` become its standard streams, the others its arguments. Raises `Broken` if the process
    cannot be confined, which it reports over a pipe that is closed before the program runs.
    """
    try:
        ready, ready_end = os.pipe()
        pid = os.fork()
    except OSError as error:
        raise Broken(f"no process could be started: {error}") from None
    if pid == 0:
        try:
            *kept, ready_end = _keep_only([*descriptors, ready_end])
            try:
                confine(limits, cpu_seconds, filter_bytes, image)
            except BaseException as error:
                os.write(ready_end, repr(error).encode())
                raise
            os.write(ready_end, b"+")
            os.close(ready_end)
            body(*kept[3:])
        finally:
            os._exit(1)
    os.close(ready_end)
    said = b""
    while data := os.read(ready, 4096):
        said += data
    os.close(ready)
    if said != b"+":
        os.waitpid(pid, 0)
        raise Broken(f"a process could not be confined: {said.decode('utf-8', 'replace') or 'it died'}")
    return Watch(pid, limits)


def _keep_only(descriptors: list[int]) -> list[int]:
    """Renumber the descriptors to 0, 1, 2, ... and close all others. Those from 3 on are closed on exec."""
    high = [os.dup2(fd, 100 + number, inheritable=False) for number, fd in enumerate(descriptors)]
    for number, fd in enumerate(high):
        os.dup2(fd, number, inheritable=number < 3)
    os.closerange(len(high), 1024)
    return list(range(len(high)))
