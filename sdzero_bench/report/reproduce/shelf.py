"""Existing runs, found by the settings that decide their figures, not by their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.own_digests import exchanged
from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.reader import RunRecord, load_runs
from sdzero_bench.records.record_files import has_manifest
from sdzero_bench.report.reproduce.cells import Cell, covers, identity, measured_besides, needed
from sdzero_bench.report.submissions.card import submission_of
from sdzero_bench.runs.config import validate


@dataclass(frozen=True)
class Missing:
    """A run that has yet to be made."""

    config: RunConfig
    for_experiments: tuple[str, ...]


class Shelf:
    """Finished runs and packed records at or below some folders; of those that are one run, the first folder's counts."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._runs: dict[str, list[tuple[RunRecord, dict[str, int]]]] = defaultdict(list)
        self._measured: dict[tuple[str, str, str], list[RunRecord]] = defaultdict(list)
        self.strange: list[str] = []
        """Records that were edited, those of submissions that are not verified, and those of unknown settings."""
        for folder in folders:  # those that do not exist hold no runs yet
            if folder.is_dir() and any(map(has_manifest, run_folders(folder))):
                for run in load_runs(folder):
                    if run.finished and run.measured_alone and (origin := run.manifest.origin):
                        self._measured[origin.run_id, origin.checkpoint, run.task].append(run)
                    elif run.finished and not run.measured_alone and run.tuning is None:
                        self._put(run)

    def _put(self, run: RunRecord) -> None:
        if changed := exchanged(run.folder, run.manifest):
            self.strange.append(
                f"{run.folder}: changed after the run had ended ({', '.join(changed)}); see sdzero-bench validate"
            )
            return
        if (submission := submission_of(run.folder)) is not None and not submission.is_verified:
            self.strange.append(f"{run.folder}: of the submission {submission.card.name}, which is {submission.status}")
            return
        try:
            config = validate(run.config)
        except UserError as error:
            self.strange.append(f"{run.folder}: {error}")
            return
        self._runs[identity(config)].append((run, measured_besides(config)))

    @property
    def presets(self) -> list[str]:
        """Those that its runs were made with."""
        return sorted({run.config.preset for runs in self._runs.values() for run, _ in runs})

    def find(self, config: RunConfig) -> RunRecord | None:
        """A finished run whose figures are those of `config`, and that measured all that it asks for; the newest version's."""
        wants = measured_besides(config)
        found = [run for run, has in self._runs.get(identity(config), ()) if covers(has, wants)]
        return max(found, key=lambda run: run.major, default=None)  # the first of equal ones

    def measured(self, run: RunRecord, checkpoint: str, task: str) -> RunRecord | None:
        """That checkpoint of the run, measured on another task in the way in which the run measured its own."""
        ways = ("samples", "pass_at", "temperature", "top_p", "max_new_tokens", "seed")
        for found in self._measured.get((run.run_id, checkpoint, task), ()):
            if all(getattr(found.config.evaluation, way) == getattr(run.config.evaluation, way) for way in ways):
                return found
        return None

    def missing(self, found: Iterable[Cell]) -> list[Missing]:
        """What has yet to be run for these cells; those that share a run name it once."""
        found = list(found)
        lacking = [cell for cell in found if self.find(cell.config) is None]
        shared: dict[str, list[str]] = defaultdict(list)
        for cell in lacking:
            names = shared[identity(cell.config)]
            if cell.experiment not in names:
                names.append(cell.experiment)
        return [Missing(config, tuple(shared[key])) for key, config in needed(lacking).items()]
