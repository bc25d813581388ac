"""What is said of a run that ended with an error: the cause, and how to resume it."""

from __future__ import annotations

import os
import shutil
import sys

from sdzero_bench.core.distributed import Ranks, sharded
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.full_disk import means_full_disk
from sdzero_bench.records.folder import RunFolder


def cause_and_remedy(error: Exception, folder: RunFolder | None, ranks: Ranks) -> str | None:
    """One line; None for an error that the user can do nothing about. `folder`: None where the run had none yet."""
    if isinstance(error, UserError):
        remedy = how_to_resume(folder, ranks)
        return ranks.name + str(error) + (remedy if error.resumes else "")
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return f"{ranks.name}{error.strerror or error}{where}" + how_to_resume(folder, ranks)
    if folder is not None and (means_full_disk(error) or folder.disk_is_full):
        return f"the disk of {folder.path} is full; free some space" + how_to_resume(folder, ranks)
    return None


def how_to_resume(folder: RunFolder | None, ranks: Ranks) -> str:
    """Nothing where there is nothing to resume: the folder of a run that was refused is removed."""
    if folder is not None:
        folder.discard_if_unused()
    if folder is None or not folder.path.is_dir():
        return ""
    command = "run" if ranks.count == 1 else f"launch --processes {ranks.count}{' --sharding fsdp2' if sharded() else ''}"
    return f". Nothing is lost; resume with: {program()} {command} --resume {folder.path}"


def program() -> str:
    """What to type to start this program: its name, or its path where the name alone would not be found."""
    started = sys.argv[0]
    named = os.path.basename(started) == "sdzero-bench" and os.sep in started
    return os.path.relpath(started) if named and shutil.which("sdzero-bench") is None else "sdzero-bench"
