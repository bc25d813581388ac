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
    prelude = os.path.join(directory, "prelude.h")
    with open(prelude, "w", encoding="utf-8") as file:
        file.write(job["prelude"])
    command = [part.format(source=source, binary=binary, prelude=prelude) for part in job["compile"]]
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
        image="binary",
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


def loaded_bytes(executable: int) -> int:
    """The memory that an ELF executable takes when it is loaded, with its zeroed data (.bss); 0 if it is no ELF file."""
    head = os.pread(executable, 64, 0)
    if head[:5] != b"\x7fELF\x02":
        return 0
    offset = int.from_bytes(head[32:40], "little")
    size, count = (int.from_bytes(head[at : at + 2], "little") for at in (54, 56))
    entries = (os.pread(executable, size, offset + number * size) for number in range(count))
    return sum(int.from_bytes(entry[40:48], "little") for entry in entries if entry[:4] == b"\x01\0\0\0")
