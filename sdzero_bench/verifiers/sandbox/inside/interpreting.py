"""Interpreted languages: an interpreter runs the source, a file in the scratch directory, written again for each test."""

from __future__ import annotations

import os

from .forking import Broken

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    from sdzero_bench.verifiers.sandbox.payload import Job


def require_interpreter(name: str) -> None:
    """Raise `Broken` if there is none: a program that it cannot start has not failed."""
    if not any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ["PATH"].split(":")):
        raise Broken(f"{name} cannot be run in the sandbox")


def write_source(job: Job) -> None:
    """Write source and prelude: a program may have changed them under the test before."""
    for path, text in ((_source(job), job["source"]), (_prelude(job), job["prelude"])):
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)


def interpret(job: Job) -> None:
    """Become the interpreter. Its standard streams are those of this process."""
    memory_mb = job["limits"]["memory"] >> 20
    command = [part.format(source=_source(job), prelude=_prelude(job), memory_mb=memory_mb) for part in job["run"]]
    environment = {"PATH": os.environ["PATH"], "TMPDIR": job["directory"], "HOME": job["directory"], "LC_ALL": "C.UTF-8"}
    os.execvpe(command[0], command, environment)


def _source(job: Job) -> str:
    return os.path.join(job["directory"], job["file_name"])


def _prelude(job: Job) -> str:
    return os.path.join(job["directory"], f"prelude-{job['file_name']}")
