"""Folders with strange names, and folders that cannot be written."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path
from random import Random

from sdzero_bench.records.packing import pack
from sdzero_bench.testing.forked import Forked
from sdzero_bench.testing.same_end import differences
from tools.torture import small_run
from tools.torture.damaged_runs import LITTLE, METHOD, cut_off
from tools.torture.ends import refusal, success
from tools.torture.outcome import Outcome
from tools.torture.small_settings import SMALL, options

STRANGE = ("with spaces", "Läufe “neu” – été", "走行 🏃", "a'b\"c;$(d) & [e] *", "new\nline")

_CAPSET, _VERSION_3 = 126, 0x20080522
"""Number of the system call on x86-64, and the version of its arguments."""


class Unprivileged(Forked):
    """A command for which permissions hold, even if it is started by root: without root's capabilities, but in its name."""

    def _become(self, arguments: list[str]) -> None:
        header, none = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
        if ctypes.CDLL(None, use_errno=True).syscall(_CAPSET, header, none):
            raise OSError(ctypes.get_errno(), "capset")
        super()._become(arguments)


def places(folder: Path, random: Random, share: float, outcome: Outcome) -> None:
    whole = small_run.finished(METHOD, folder / "whole", *LITTLE)
    for name in STRANGE[:: max(1, round(1 / share))]:
        cut = cut_off(folder / name, f"training/{METHOD}.jsonl", 1, *LITTLE)
        process = small_run.resume(cut)
        process.wait()
        outcome.expect("folders with strange names", "ended alike", success(process) or _first(differences(whole, cut)))
    _read_only(folder, whole, outcome)


def _read_only(folder: Path, whole: Path, outcome: Outcome) -> None:
    """New runs, resumed runs and readers in folders without permission to write."""
    locked, group = folder / "locked", "folders that cannot be written"
    locked.mkdir()
    cut = shutil.copytree(whole, locked / whole.name)
    (cut / "result.json").unlink()
    pack(whole, locked / "records")
    for path in [locked, *locked.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    refused = {
        "run": ["run", "--method", METHOD, "--out", str(locked / "new"), *options(*SMALL, *LITTLE)],
        "resume": ["run", "--resume", str(cut)],
        "pack": ["pack", str(whole), "--out", str(locked / "records")],
        "report into it": ["report", str(locked / "records"), "--out", str(locked / "records"), "--format", "json"],
    }
    read = {
        "report": ["report", str(locked / "records")],
        "validate": ["validate", str(locked / "records"), "--jobs", "1"],
        "inspect": ["inspect", str(locked / "records" / whole.name)],
        "report elsewhere": ["report", str(locked / "records"), "--out", str(folder / "pages")],
    }
    for name, arguments in {**refused, **read}.items():
        process = Unprivileged(arguments, folder / "said" / name)
        process.wait()
        wrong = refusal(process, names="locked") if name in refused else success(process)
        outcome.expect(group, "refused" if name in refused else "read", f"{name}: {wrong}" if wrong else None)
    for path in [locked, *locked.rglob("*")]:
        path.chmod(0o755)


def _first(found: list[str]) -> str | None:
    return found[0] if found else None
