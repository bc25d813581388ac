"""Compiled languages: compile the source to an executable that is open and has been unlinked."""

from __future__ import annotations

import os

from .forking import Broken, fork
from .stdio import CannotCompile, follow
from .watch import Death

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from sdzero_bench.verifiers.sandbox.payload import Job


def compiled(job: Job, directory: str) -> int:
    """A file descriptor of the executable. Raises `CannotCompile`, or `Broken` if there is no compiler.

    `directory` must be empty and writable, and is empty again afterwards.
    """
    source, binary = os.path.join(directory, job["file_name"]), os.path.join(directory, "program")
    with open(source, "w", encoding="utf-8", errors="replace") as file:
        file.write(job["source"])
    command = [part.format(source=source, binary=binary) for part in job["compile"]]
    environment = {"PATH": os.environ["PATH"], "TMPDIR": directory, "LC_ALL": "C.UTF-8"}
    nowhere = os.open(os.devnull, os.O_RDWR)
    err, err_end = os.pipe()
    limits = job["compile_limits"]
    watch = fork(
        lambda: os.execvpe(command[0], command, environment),
        (nowhere, nowhere, err_end),
        limits,
        limits["cpu"],
        job["compile_filter"],
    )
    os.close(err_end)
    said, printed = bytearray(), bytearray()
    try:
        death = follow(watch, nowhere, printed, err, said, limits["output"])
    except Death as killed:
        death = killed
    try:
        if death.code == 0:
            return os.open(binary, os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(err)
        os.close(nowhere)
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
    if not said and death.code == 1:  # the compiler could not be started: a failing compiler always prints errors
        raise Broken(f"{command[0]} cannot be run in the sandbox")
    words = said.decode("utf-8", "replace").strip()
    raise CannotCompile(words if death.outcome == "exit" else f"{death.outcome}: {death.detail}\n{words}".strip())
