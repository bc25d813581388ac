"""A plan beside what a run used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.record_files import is_finished, read_manifest, read_result
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.records.schema import Hardware, RunResult
from sdzero_bench.runs.config import validate
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import Plan, estimate


@dataclass(frozen=True)
class Compared:
    phase: str
    what: str
    planned: float
    used: float

    @property
    def error(self) -> float | None:
        """Of the plan, relative to what was used; None where nothing was."""
        return (self.planned - self.used) / self.used if self.used else None

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "error": self.error}


def plan_of(path: Path, assumed: Sequence[str] = ()) -> tuple[Plan, RunResult]:
    """The plan of a finished run, from its settings alone, and what it used.

    The throughput is that of the table for the device and the version of the engine that the record names. Raises `UserError`
    for a folder that holds no finished run.
    """
    run = RunFolder.open(path)
    if not is_finished(run.path):
        raise UserError(f"{str(path)!r} is not finished: there is nothing to compare a plan with yet")
    manifest, result = read_manifest(run.path), read_result(run.path)
    config = validate(manifest.config)
    # The number of questions is known, not estimated; a task's splits may have more than were used.
    counts = [f"questions.train={result.budget.questions}", f"questions.test={result.evaluation[0].questions}"]
    found = assumptions(config, [*counts, *assumed], device_of(manifest.hardware), _engine_of(run.path))
    return estimate(config, found.typical, found.machine, found.questions, found.test_questions), result


def device_of(hardware: Hardware) -> str | None:
    """The row of throughput.yaml for a machine with CPUs alone; None: that of the run's preset."""
    threads = hardware.torch_threads
    return None if hardware.accelerators else "1 CPU core" if threads == 1 else f"{threads} CPU cores"


def _engine_of(run: Path) -> str | None:
    """The engine that drew its samples, with its version."""
    journal = RecordedJournal(run)
    return next((str(row["engine"]) for phase in journal.phases for row in journal.rows(phase)), None)


def compared(plan: Plan, result: RunResult) -> list[Compared]:
    """Phase by phase, and over all phases; the peak of memory where the record has it."""
    rows: list[Compared] = []
    ledger = result.ledger
    names = [phase.name for phase in plan.phases] + [name for name in ledger if name not in {p.name for p in plan.phases}]
    planned = {phase.name: phase for phase in plan.phases}
    columns = {
        "samples": ("samples", "samples"),
        "generated tokens": ("generated", "generated_tokens"),
        "tokens backward": ("backward", "backward_tokens"),
        "tokens forward": ("forward", "forward_tokens"),
        "seconds": ("hours", "wall_seconds"),
    }
    for name in names:
        for what, (ours, theirs) in columns.items():
            expected = float(getattr(planned[name], ours)) if name in planned else 0.0
            expected *= 3600 if what == "seconds" else 1
            used = float(getattr(ledger[name], theirs)) if name in ledger else 0.0
            if expected or used:
                rows.append(Compared(name, what, expected, used))
    for what in columns:
        of_it = [row for row in rows if row.what == what]
        if of_it:
            rows.append(Compared("all", what, sum(r.planned for r in of_it), sum(r.used for r in of_it)))
    if result.peak_memory is not None:
        rows.append(Compared("all", "bytes of memory at the peak", plan.peak, float(result.peak_memory)))
    return rows
