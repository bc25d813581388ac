"""Programs that read standard input and write standard output: one process per input."""

from __future__ import annotations

import os

from .forking import fork
from .watch import SYNTAX, Death, Watch, readable

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sdzero_bench.verifiers.sandbox.limits import LimitsInForce

_LAST_WORDS = 4000
"""Number of bytes kept of stderr: the end of a traceback."""


class CannotCompile(Exception):
    """The source cannot be compiled."""


def run(
    body: Callable[..., Any], kept: list[int], text: bytes, limits: LimitsInForce, filter_bytes: bytes, image: str
) -> tuple[Any, ...]:
    """Run `body` in a process of its own with `text` as standard input. Returns the outcome, what was printed, detail, CPU and
    wall seconds.

    The descriptors `kept` stay open there, and are passed to `body`; `image` is as in confine.py. Raises `CannotCompile` if the
    process reports that the program cannot be compiled.
    """
    stdin = os.memfd_create("input")
    with open(stdin, "wb", closefd=False) as file:
        file.write(text)
    os.lseek(stdin, 0, os.SEEK_SET)
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    watch = fork(body, (stdin, out_end, err_end, *kept), limits, limits["cpu"], filter_bytes, image)
    for fd in (stdin, out_end, err_end):
        os.close(fd)
    printed, said = bytearray(), bytearray()
    try:
        death = follow(watch, out, printed, err, said, limits["output"])
    except Death as killed:
        death = killed
    os.close(out)
    os.close(err)
    if death.code == SYNTAX and death.outcome == "exception":
        raise CannotCompile(death.detail)
    outcome, detail = ("ok", "") if death.code == 0 else (death.outcome, death.detail)
    return outcome, bytes(printed[: limits["output"]]), detail, *watch.spent()


def follow(watch: Watch, out: int, printed: bytearray, err: int, said: bytearray, most: int) -> Death:
    """Read both streams until the process has ended. Raises `Death` if it has to be killed."""
    sinks = {out: printed, err: said}
    while True:
        for fd in readable(list(sinks)):
            if data := os.read(fd, 1 << 16):
                sinks[fd] += data
            else:
                del sinks[fd]
        del said[:-_LAST_WORDS]
        if len(printed) > most:
            raise watch.kill("output", f"more than {most >> 10} KB")
        watch.check()
        # A process usually closes its streams when it ends; then only a short wait is needed.
        if death := watch.ended(0.0 if sinks else 0.005, bytes(said)):
            # A process that it left running may still hold a stream open: read only what is available already.
            while (fds := readable(list(sinks), 0)) and len(printed) <= most:
                for fd in fds:
                    if data := os.read(fd, 1 << 16):
                        sinks[fd] += data
                    else:
                        del sinks[fd]
            return death
