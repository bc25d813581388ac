"""How fast the machine was that made some records: the row of throughput.yaml, and `verifying` of a preset's `typical`.

    python -m tools.fit_throughput results/micro

Non-negative least squares over the phases of the records, each weighted by what its run took in all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.reader import RunRecord, load_run
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import estimate
from sdzero_bench.runs.plan.plan_check import device_of

NO_TIME = {"tokens_per_second": 1e30, "step_seconds": 0.0, "tflops": 1e30, "utilisation": 1.0}
UNITS = {
    "seconds per token": {"tokens_per_second": 1.0},
    "seconds per step": {"step_seconds": 1.0},
    "seconds per TFLOP": {"tflops": 1.0},
}
VERIFYING = "seconds per verdict"


def rows_of(run: RunRecord) -> list[list[float]]:
    """Per phase: what each unit is multiplied with, and the seconds that it took."""
    counts = [f"questions.train={run.result.budget.questions}", f"questions.test={run.result.evaluation[0].questions}"]
    found = assumptions(run.config, counts, device_of(run.manifest.hardware))
    columns = []
    for unit in (*UNITS, VERIFYING):
        machine = found.machine.model_copy(update={**NO_TIME, **UNITS.get(unit, {})})
        verified = unit == VERIFYING and found.typical.verifying > 0
        typical = found.typical.model_copy(update={"verifying": float(verified)})
        plan = estimate(run.config, typical, machine, found.questions, found.test_questions)
        columns.append({phase.name: 3600 * phase.hours for phase in plan.phases})
    took = {name: use.wall_seconds for name, use in run.result.ledger.items() if name in columns[0]}
    return [[*(column[name] for column in columns), seconds] for name, seconds in took.items()]


@dataclass(frozen=True)
class Fit:
    tokens_per_second: float
    step_seconds: float
    tflops: float
    verifying: float
    errors: list[float]
    """Of each run's total, relative to what it took."""


def fitted(runs: Iterable[RunRecord]) -> Fit:
    weighted = []
    for run in runs:
        rows = np.array(rows_of(run))
        weighted.append(rows / rows[:, -1].sum())
    table = np.concatenate(weighted)
    seconds, _ = nnls(table[:, :-1], table[:, -1])
    errors = [float(rows[:, :-1].sum(0) @ seconds - 1) for rows in weighted]
    token, step, tera, verdict = map(float, seconds)
    return Fit(1 / token, step, 1 / tera, verdict, errors)


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="+")
    runs = [load_run(path) for folder in options.parse_args(arguments).folder for path in run_folders(folder)]
    fit = fitted(runs)
    print(f"    tokens_per_second: {fit.tokens_per_second:.4g}\n    step_seconds: {fit.step_seconds:.2g}")
    print(f"    tflops: {fit.tflops:.3g}\nverifying: {fit.verifying:.2g}")
    print(f"{len(runs)} runs; errors of their totals: {np.quantile(fit.errors, [0, 0.1, 0.5, 0.9, 1]).round(2).tolist()}")


if __name__ == "__main__":
    main()
