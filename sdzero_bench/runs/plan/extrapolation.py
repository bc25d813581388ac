"""From what was measured on this machine to the throughput that a plan takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import architecture
from sdzero_bench.runs.plan.assumptions import Assumptions
from sdzero_bench.runs.plan.duration import Durations
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.runs.plan.speed import Speed
from sdzero_bench.runs.session import Session
from sdzero_bench.training.recipe import Phase


def measured_here(config: RunConfig, found: Assumptions, seconds: float) -> tuple[Assumptions, list[Speed]]:
    """The assumptions with what this machine does, measured for `seconds` in each kind of phase."""
    from sdzero_bench.runs.plan.measuring import measured

    session = Session(config, ProgressDisplay())
    shape = architecture(config.model.name, config.lora)
    # Verification is part of what is measured.
    typical = found.typical.model_copy(update={"verifying": 0.0})
    expected = Durations(config, shape, found.machine, typical)
    speeds = measured(session, expected, seconds)
    machine = as_measured(session.method.phases(found.questions), expected, speeds)
    return replace(found, typical=typical, machine=machine), speeds


def as_measured(phases: Sequence[Phase], expected: Durations, speeds: Sequence[Speed]) -> Machine:
    """The machine of `expected` with the throughput of `speeds`.

    Training phases get the FLOP/s that each kind sustained. A sampled token takes the same time in every batch, and a decoding
    step a time of its own, which follows from batches of different sizes. Verification is part of both.
    """
    typical, by_kind = expected.typical, {speed.kind: speed for speed in speeds}
    sustained: dict[str, float] = {}
    for phase in phases:
        if phase.passes is not None and phase.kind in by_kind:
            speed, passes = by_kind[phase.kind], phase.passes(typical)
            share = speed.tokens / passes.backward
            done = replace(passes, backward=passes.backward * share, forward=passes.forward * share)
            padding = expected.padding(phase.drawn(typical)) if phase.on_policy else 1.0
            sustained[phase.kind] = expected.flops(done, padding) / speed.seconds
    slowest = min(sustained.values(), default=expected.machine.tflops * 1e12 * expected.machine.utilisation)
    reading = replace_machine(expected.machine, sustained, slowest)
    large = [_without_reading(by_kind[kind], expected, slowest) for kind in ("evaluate", "sample") if kind in by_kind]
    per_token = sum(seconds for _, seconds in large) / sum(tokens for tokens, _ in large)
    step = 0.0
    if (rollouts := by_kind.get("rollouts")) and rollouts.batch < (batch := by_kind["evaluate"].batch):
        tokens, seconds = _without_reading(rollouts, expected, slowest)
        steps = typical.spread * (1 / rollouts.batch - 1 / batch)
        step = min(max(0.0, (seconds / tokens - per_token) / steps), 0.9 * per_token * batch / typical.spread)
        per_token -= step * typical.spread / batch
    return reading.model_copy(update={"tokens_per_second": 1 / per_token, "step_seconds": step})


def replace_machine(machine: Machine, sustained: dict[str, float], reading: float) -> Machine:
    """The machine with these FLOP/s, by kind of phase, and in reading prompts."""
    measured = {"sustained": sustained, "tflops": reading / 1e12, "utilisation": 1.0}
    return machine.model_copy(update={**measured, "sources": ("these rates: measured on this machine just now",)})


def _without_reading(speed: Speed, expected: Durations, flops_per_second: float) -> tuple[float, float]:
    """(tokens, seconds) of what was sampled, without the time in which the prompts were read: at most half of it."""
    context = expected.typical.prompt
    read = speed.sequences * context * expected.shape.flops(context, backward=False) / flops_per_second
    return speed.tokens, max(speed.seconds - read, speed.seconds / 2)
