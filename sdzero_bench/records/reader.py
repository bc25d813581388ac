"""Find the records of runs below a folder, and read what a comparison needs of them: no journals, no checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sdzero_bench.core.bench_version import major
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.text import numeric_order
from sdzero_bench.records.compressed import stored
from sdzero_bench.records.curve_record import LearningCurveFile
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.measured import Figure, PolicyEvaluation
from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.record_files import (
    MANIFEST,
    RESULT,
    has_manifest,
    no_folder,
    read_curve,
    read_evaluation,
    read_manifest,
    read_result,
    require_run,
)
from sdzero_bench.records.schema import Manifest, RunResult, TuningRecord, Use

FINAL, BASE = "final", "base"


@dataclass(frozen=True)
class RunRecord:
    """One run, plain or packed. An unfinished one has its manifest only."""

    folder: Path
    manifest: Manifest = field(repr=False)
    written: RunResult | None = field(repr=False)
    """None for an unfinished run."""
    evaluation: list[PolicyEvaluation] = field(repr=False)

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    @property
    def config(self) -> RunConfig:
        return self.manifest.config

    @property
    def state(self) -> str:
        return self.manifest.state

    @property
    def state_in_words(self) -> str:
        """With the reason, if it has failed."""
        return f"{self.state}: {self.manifest.failure}" if self.manifest.failure else self.state

    @property
    def finished(self) -> bool:
        return self.written is not None

    @property
    def result(self) -> RunResult:
        """Raises `UserError` for an unfinished run."""
        if self.written is None:
            raise UserError(f"{str(self.folder)!r} is not finished (state: {self.state_in_words}); resume it first")
        return self.written

    @property
    def method(self) -> str:
        return str(self.config.method["name"])

    @property
    def task(self) -> str:
        return str(self.config.task["name"])

    @property
    def seed(self) -> int:
        return self.config.seed

    @property
    def tuning(self) -> TuningRecord | None:
        return self.manifest.tuning

    @property
    def major(self) -> int:
        """Of its bench version: figures are comparable where it is the same."""
        return major(self.manifest.bench_version)

    @property
    def is_base(self) -> bool:
        """Whether it only measures the base policy: nothing was drawn and nothing trained."""
        return [entry.policy for entry in self.evaluation] == [BASE]

    @property
    def measured_alone(self) -> bool:
        """Whether `sdzero-bench eval` made it: an existing policy was measured, without a budget."""
        return self.config.questions.measure_only

    @cached_property
    def training(self) -> Use:
        """Use of the phases that are charged, in the order in which they ran."""
        return {name: use for name, use in self.result.ledger.items() if not measures(name)}

    @property
    def training_samples(self) -> int:
        return sum(use.samples for use in self.training.values())

    @cached_property
    def curve(self) -> LearningCurveFile | None:
        """None for a run that measured none. Raises `UserError` for a damaged file."""
        return read_curve(self.folder) if self.result.curve is not None else None

    def entry(self, policy: str) -> PolicyEvaluation | None:
        """The measured policy of that name."""
        return next((entry for entry in self.evaluation if entry.policy == policy), None)


def load_runs(*folders: Path) -> list[RunRecord]:
    """Every run at or below each folder, in the order of their paths, unfinished ones included; none is read twice.

    Raises `UserError` if a folder has none, and for a file that is missing, is not JSON or lacks a key; it names the file.
    """
    found = {path.resolve(): path for folder in folders for path in _runs_below(folder)}
    return [load_run(path) for path in found.values()]


def _runs_below(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{no_folder(folder)}; give one that holds run folders, such as runs")
    places = run_folders(folder)
    for place in places:
        if stored(place / RESULT) and not has_manifest(place):
            raise UserError(f"{str(place)!r} has a {RESULT} but no {MANIFEST}; restore that, or move the folder away")
    found = [place for place in places if has_manifest(place)]
    if not found:
        raise UserError(f"no run below {str(folder)!r}: no folder there has a {MANIFEST}")
    return found


def load_run(folder: Path) -> RunRecord:
    """One run. Raises `UserError` as `load_runs` does."""
    require_run(folder)
    manifest = read_manifest(folder)
    if manifest.state != "finished":
        return RunRecord(folder, manifest, None, [])
    evaluation = read_evaluation(folder)
    if not evaluation:
        raise UserError(f"{str(folder / 'evaluation.json')!r} has no measured policy; validate the record")
    return RunRecord(folder, manifest, read_result(folder), evaluation)


def by_question(entries: Sequence[PolicyEvaluation], figure: Figure) -> list[list[float]] | None:
    """A figure of one policy, one row per seed, one column per question in `numeric_order` of the ids.

    It does not depend on the order in a file, so that columns of other policies are the same questions. None if one of the
    seeds lacks the figure. Raises `UserError` if the questions differ, which the fingerprints rule out.
    """
    rows = [values for entry in entries if (values := entry.per_question.of(figure)) is not None]
    if len(rows) < len(entries):
        return None
    order = numeric_order(rows[0])
    if any(row.keys() != rows[0].keys() for row in rows):
        raise UserError(f"per_question[{figure!r}] of runs with one test set lists different questions; validate the records")
    return [[row[question] for question in order] for row in rows]
