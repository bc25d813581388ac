"""Disks that fill up, and files that may not grow: a run says so in one line, and goes on once there is room."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from sdzero_bench.testing.forked import Forked
from sdzero_bench.testing.same_end import differences
from tools.torture import small_run
from tools.torture.damaged_runs import LITTLE, METHOD
from tools.torture.ends import refusal, success
from tools.torture.outcome import Outcome
from tools.torture.small_settings import ALONE, SAVING, SMALL, options

LIMITS = (0.001, 0.02, 0.2, 0.7, 1.5)
"""In sizes of the policy: what fails is a journal, a log, a policy, the moments of its optimizer."""
FILLED_AT = ("journal/*.jsonl", "training/*.jsonl", "checkpoints/.*.trainer", "journal/evaluation.*.jsonl")


class Limited(Forked):
    """A command whose files may have so many bytes each."""

    def __init__(self, arguments: list[str], output: Path, most: int) -> None:
        self.most = most
        super().__init__(arguments, output)

    def _become(self, arguments: list[str]) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.most, self.most))
        super()._become(arguments)


def full_disks(folder: Path, random: Random, share: float, outcome: Outcome) -> None:
    whole = small_run.finished(METHOD, folder / "whole", *LITTLE)
    size = (whole / "checkpoints" / METHOD / "model.safetensors").stat().st_size
    for part in LIMITS[:: max(1, round(1 / share))]:
        out = folder / f"limit-{part}"
        limited = Limited(_run(out), folder / f"limit-{part}-said", int(part * size))
        limited.wait()
        _goes_on(f"files of at most {part:g} policies", limited, out, whole, outcome)
    with _small_disk(folder / "disk", outcome) as disk:
        for pattern in FILLED_AT[:: max(1, round(1 / share))] if disk else ():
            assert disk is not None
            out = disk / pattern.replace("/", "-").replace("*", "x")
            process = Forked(_run(out), folder / "disk-said")
            process.wait_for(partial(_there, out, pattern))
            filler = disk / "filler"
            _fill(filler)
            process.wait()
            filler.unlink()
            _goes_on(f"a disk that is full once there is {pattern}", process, out, whole, outcome)


def _there(out: Path, pattern: str) -> bool:
    return any(out.glob(f"*/{pattern}"))


def _run(out: Path) -> list[str]:
    return ["run", "--method", METHOD, "--out", str(out), "--json", *options(*SMALL, SAVING, ALONE, *LITTLE)]


def _goes_on(group: str, process: Forked, out: Path, whole: Path, outcome: Outcome) -> None:
    """The run has ended by itself; resumed with enough room, it has to end as it would have."""
    outcome.expect(group, "refused" if process.returncode else "ended", refusal(process) if process.returncode else None)
    begun = [path.parent for path in out.glob("*/manifest.json")]
    if not begun:
        return
    resumed = small_run.resume(begun[0])
    resumed.wait()
    outcome.expect(group, "went on alike", success(resumed) or next(iter(differences(whole, begun[0])), None))


@contextmanager
def _small_disk(place: Path, outcome: Outcome) -> Iterator[Path | None]:
    """A file system of 200 MB in memory, None where one cannot be mounted."""
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        outcome.notes.append(f"no small disk: {mounted.stderr.decode().strip()}")
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(filler: Path) -> None:
    """Write until there is no room."""
    for size in (1 << 20, 1 << 12, 1):
        try:
            with filler.open("ab", buffering=0) as file:
                while True:
                    if file.write(bytes(size)) < size:
                        break
        except OSError:
            continue
