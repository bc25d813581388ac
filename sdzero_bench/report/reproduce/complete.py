"""The experiments that the runs of some folders are enough for, to stand beside its leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.experiment import experiments
from sdzero_bench.report.reproduce.section import ExperimentSection, section
from sdzero_bench.report.reproduce.shelf import Shelf
from sdzero_bench.runs.config import lineage, preset_names


def complete(folders: Sequence[Path]) -> list[ExperimentSection]:
    """Those of which every row has all its seeds there, under the presets of the runs and those that extend them."""
    shelf = Shelf(folders)
    made = []
    for preset in (name for name in preset_names() if set(lineage(name)) & set(shelf.presets)):
        for experiment in experiments().values():
            setting = Setting(preset)
            found = cells(experiment, setting)
            if found and not shelf.missing(found):
                made.append(section(experiment, setting, shelf))
    return made
