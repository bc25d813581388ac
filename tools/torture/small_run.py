"""A small run of any method, in a forked process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sdzero_bench.testing.forked import Forked
from tools.torture.small_settings import ALONE, SAVING, SMALL, options


def begin(method: str, out: Path, *assignments: str, shared: Sequence[str] = SMALL) -> Forked:
    """Start a run whose folder will be the only one in `out`."""
    settings = options(*shared, SAVING, ALONE, *assignments)
    return Forked(["run", "--method", method, "--out", str(out), "--json", *settings], _output(out))


def resume(folder: Path, kind: type[Forked] = Forked) -> Forked:
    """Resume a run."""
    return kind(["run", "--resume", str(folder), "--json"], _output(folder.parent))


def only_folder(out: Path) -> Path:
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return folder


def finished(method: str, out: Path, *assignments: str) -> Path:
    """The folder of a run that nothing disturbs. Raises `RuntimeError` if it fails."""
    process = begin(method, out, *assignments)
    if process.wait():
        raise RuntimeError(f"{method} does not end even undisturbed: {process.stderr[-2000:]}")
    return only_folder(out)


def _output(out: Path) -> Path:
    """Where a process whose runs are in `out` writes what it says."""
    return out.with_name(f"{out.name}-said")
