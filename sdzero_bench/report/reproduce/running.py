"""What experiments still lack, and running it: first the runs, then their policies on further benchmarks."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

from sdzero_bench.core.errors import InterruptedByUser
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.report.reproduce.benchmarks import Measurement, measurements
from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.experiment import Experiment
from sdzero_bench.report.reproduce.shelf import Missing, Shelf
from sdzero_bench.runs.sweep.children import Children
from sdzero_bench.runs.sweep.display import SweepDisplay
from sdzero_bench.runs.sweep.grid import PlannedRun, planned
from sdzero_bench.runs.sweep.preflight import refuse_early
from sdzero_bench.runs.sweep.scheduler import Scheduler, SweepEntry


def missing_runs(experiments: Iterable[Experiment], setting: Setting, shelf: Shelf) -> list[Missing]:
    return shelf.missing(cell for experiment in experiments for cell in cells(experiment, setting))


def missing_measurements(experiments: Iterable[Experiment], setting: Setting, shelf: Shelf) -> list[Measurement]:
    """Of policies that are there."""
    found = [m for e in experiments for m in measurements(e, cells(e, setting), setting, shelf)]
    return [measurement for measurement in found if measurement.record is None]


def run_missing(
    experiments: Sequence[Experiment], setting: Setting, folders: Sequence[Path], out: Path, jobs: int
) -> list[SweepEntry]:
    """Run what is missing in `out`, `jobs` at a time; how each of them ended.

    Raises `UserError`, before anything starts, for what a run would refuse, and when it is interrupted.
    """
    missing = missing_runs(experiments, setting, Shelf(folders))
    ended = _run([planned(one.config, out, note=f"({one.for_experiments[0]})") for one in missing], out, jobs)
    measuring = missing_measurements(experiments, setting, Shelf(folders))
    return ended + _run([measurement.planned(out) for measurement in measuring], out, jobs)


def _run(wanted: Sequence[PlannedRun], out: Path, jobs: int) -> list[SweepEntry]:
    if not wanted:
        return []
    refuse_early(wanted)
    out.mkdir(parents=True, exist_ok=True)
    children = Children(jobs, out)
    scheduler = Scheduler(children.start, SweepDisplay(jobs), lambda: RunFolder(out).disk_is_full, jobs)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop by the system is as good as Ctrl-C
    try:
        return scheduler.run(wanted)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise InterruptedByUser("interrupted. Nothing is lost; repeat the command to resume") from None
    finally:
        children.close()
