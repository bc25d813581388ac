"""The throughput of a machine, fitted to records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sdzero_bench.records.reader import RunRecord, load_run
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.estimate import estimate
from sdzero_bench.runs.plan.plan_check import device_of
from tools.fit_throughput import fitted

MICRO = Path(__file__).parent.parent / "results" / "micro"


def as_planned(run: RunRecord, **machine: float) -> RunRecord:
    """The record as it would be if each phase had taken what a plan for such a machine says."""
    counts = [f"questions.train={run.result.budget.questions}", f"questions.test={run.result.evaluation[0].questions}"]
    counts += [f"machine.{name}={value}" for name, value in machine.items()]
    found = assumptions(run.config, counts, device_of(run.manifest.hardware))
    plan = estimate(run.config, found.typical, found.machine, found.questions, found.test_questions)
    hours = {phase.name: phase.hours for phase in plan.phases}
    ledger = {name: use.model_copy(update={"wall_seconds": 3600 * hours[name]}) for name, use in run.result.ledger.items()}
    return replace(run, written=run.result.model_copy(update={"ledger": ledger}))


def test_a_machine_is_found_again_from_the_times_of_its_runs() -> None:
    folders = [next(MICRO.glob(f"{method}-micro-code-s0-*")) for method in ("sft", "rft", "grpo")]
    machine = {"tokens_per_second": 20_000.0, "step_seconds": 0.003, "tflops": 0.08, "utilisation": 1.0}
    fit = fitted([as_planned(load_run(folder), **machine) for folder in folders])
    assert fit.tokens_per_second == pytest.approx(20_000, rel=0.01)
    assert fit.step_seconds == pytest.approx(0.003, rel=0.01)
    assert fit.tflops == pytest.approx(0.08, rel=0.01)
    assert fit.verifying == pytest.approx(0.002, rel=0.01)  # `typical` of the preset
    assert max(map(abs, fit.errors)) < 0.001
