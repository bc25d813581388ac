"""Damaged files, full disks, folders that cannot be written, verifiers that misbehave and data that changes under a run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random

from rich.console import Console

from tools.torture.changed_data import changed_data
from tools.torture.damaged_records import damaged_records
from tools.torture.damaged_runs import damaged_runs
from tools.torture.full_disks import full_disks
from tools.torture.misbehaving_verifiers import misbehaving_verifiers
from tools.torture.outcome import Outcome
from tools.torture.places import places

Part = Callable[[Path, Random, float, Outcome], None]
"""Works in a folder; the number is the fraction of its files to damage."""

PARTS: dict[str, Part] = {
    "runs": damaged_runs,
    "records": damaged_records,
    "disks": full_disks,
    "places": places,
    "verifiers": misbehaving_verifiers,
    "data": changed_data,
}


def damage(parts: Collection[str] = (), share: float = 1.0, seed: int = 0) -> Outcome:
    outcome, console = Outcome("damage"), Console(stderr=True)
    for name in parts or PARTS:
        console.print(f"damage: {name}", highlight=False)
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), Random(f"{seed} {name}"), share, outcome)
    return outcome
