"""`plan --measure`: what is measured of a run's phases, and what a plan makes of it."""

from __future__ import annotations

import pytest

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import architecture
from sdzero_bench.runs.config import make_method, resolve
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.duration import Durations
from sdzero_bench.runs.plan.estimate import estimate
from sdzero_bench.runs.plan.extrapolation import as_measured, measured_here
from sdzero_bench.runs.plan.speed import Speed
from sdzero_bench.training.cost import answer

FEW = ["task.train=16", "task.test=4", "questions.train=null", "sampling.batch_size=8", "sampling.max_new_tokens=16"]


def durations(config: RunConfig, *assumed: str) -> Durations:
    found = assumptions(config, assumed)
    return Durations(config, architecture(config.model.name), found.machine, found.typical)


@pytest.mark.parametrize(
    ("method", "kinds"),
    [
        ("base", ["evaluate"]),
        ("sdzero", ["evaluate", "sample", "rollouts", "finetune", "self_distill"]),
        ("grpo", ["evaluate", "rollouts", "policy_gradient"]),
    ],
)
def test_each_kind_of_phase_is_measured_and_planned_with(method: str, kinds: list[str]) -> None:
    few = [*FEW, "evaluation.max_new_tokens=16", "optimizer.batch_size=4", "optimizer.micro_batch_size=4"]
    config = resolve(method, assignments=few)
    found, speeds = measured_here(config, assumptions(config), seconds=0.01)
    assert [speed.kind for speed in speeds] == kinds
    assert all(speed.sequences and speed.seconds > 0 for speed in speeds)
    # 8 samples of 16 tokens at most are drawn at a time, and 4 in a step.
    assert all(s.tokens <= 16 * s.sequences and s.batch == 8 for s in speeds if s.kind in ("evaluate", "sample"))
    plan = estimate(config, found.typical, found.machine, found.questions, found.test_questions)
    assert plan.hours > 0
    assert plan.machine.sources == ("these rates: measured on this machine just now",)


@pytest.mark.parametrize("method", ["sdzero", "grpo", "rft", "srt"])
def test_a_machine_is_recovered_from_what_would_be_measured_on_it(method: str) -> None:
    """Speeds as a machine with known rates would have; planned with another machine's rates as the first guess."""
    config = resolve(method)
    true = durations(config, "machine.tokens_per_second=5000", "machine.step_seconds=0.003", "machine.tflops=0.05")
    guess = durations(config, "machine.tokens_per_second=100", "machine.tflops=9")
    phases = make_method(config).phases(1000)
    drawn = answer(true.typical)
    speeds = [
        Speed(kind, 2 * batch, 2 * batch * drawn.new, true.sampling(2 * batch, drawn, batch), batch)
        for kind, batch in (("evaluate", 256), ("rollouts", 32))
    ]
    for phase in phases:
        if phase.passes is not None:
            passes = phase.passes(true.typical)
            padding = true.padding(phase.drawn(true.typical)) if phase.on_policy else 1.0
            seconds = true.training(phase.kind, passes, padding)
            speeds.append(Speed(phase.kind, 1, passes.backward, seconds, config.optimizer.batch_size))
    machine = as_measured(phases, guess, speeds)
    assert machine.tokens_per_second == pytest.approx(5000)
    assert machine.step_seconds == pytest.approx(0.003)
    hours = [estimate(config, true.typical, m, 1000, 300).hours for m in (true.machine, machine)]
    assert hours[0] == pytest.approx(hours[1])
