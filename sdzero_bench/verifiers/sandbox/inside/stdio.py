"""Programs that read standard input and write standard output: one process for each input."""

from __future__ import annotations

import os

from .forking import fork
from .watch import SYNTAX, Death, Watch, readable

TYPE_CHECKING = False  # as `typing` has it, which takes as long to import as Python to start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LAST_WORDS = 4000
"""Bytes of stderr that are kept: the end of a traceback."""


class CannotCompile(Exception):
    """What was written is no program."""


def run(body: Callable[..., Any], kept: list[int], text: bytes, limits: dict[str, Any], filter_bytes: bytes) -> tuple[Any, ...]:
    """Outcome, what was printed, detail, CPU and wall seconds of `body` in a process of its own that reads `text`.

    The descriptors `kept` are open there, and are given to `body`. Raises `CannotCompile` if the process found that the
    program could not be compiled.
    """
    stdin = os.memfd_create("input")
    with open(stdin, "wb", closefd=False) as file:
        file.write(text)
    os.lseek(stdin, 0, os.SEEK_SET)
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    watch = fork(body, (stdin, out_end, err_end, *kept), limits, limits["cpu"], filter_bytes)
    for fd in (stdin, out_end, err_end):
        os.close(fd)
    printed, said = bytearray(), bytearray()
    try:
        death = follow(watch, out, printed, err, said, limits["output"])
    except Death as killed:
        death = killed
    os.close(out)
    os.close(err)
    if death.code == SYNTAX:
        raise CannotCompile(death.detail)
    outcome, detail = ("ok", "") if death.code == 0 else (death.outcome, death.detail)
    return outcome, bytes(printed[: limits["output"]]), detail, *watch.spent()


def follow(watch: Watch, out: int, printed: bytearray, err: int, said: bytearray, most: int) -> Death:
    """Reads both streams until the process is gone. Raises `Death` where it has to be killed."""
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
        # A process that ends shows it by the end of its streams, as a rule; then it is gone in a moment.
        if death := watch.ended(0.0 if sinks else 0.005, bytes(said)):
            # Something it left running may still hold a stream open: only what is there already is read.
            while (fds := readable(list(sinks), 0)) and len(printed) <= most:
                for fd in fds:
                    if data := os.read(fd, 1 << 16):
                        sinks[fd] += data
                    else:
                        del sinks[fd]
            return death
