"""A plan as tables, and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table

from sdzero_bench.runs.plan.assumptions import Assumptions
from sdzero_bench.runs.plan.estimate import Plan, PlannedPhase
from sdzero_bench.runs.plan.plan_check import Compared


def document(plan: Plan, found: Assumptions) -> dict[str, Any]:
    return {
        "architecture": asdict(plan.architecture),
        "assumed": {"typical": found.typical.model_dump(), "machine": found.machine.model_dump()},
        "questions": plan.questions,
        "test_questions": plan.test_questions,
        "samples": plan.samples,
        "samples_allowed": plan.allowed,
        "phases": [asdict(phase) for phase in plan.phases],
        "hours": plan.hours,
        "memory_bytes": {**plan.memory, "all": plan.peak},
        "fits": plan.fits,
        "disk_bytes": plan.disk,
    }


def in_tables(plan: Plan, found: Assumptions, deviations: Sequence[str]) -> RenderableType:
    machine = plan.machine
    phases = Table("phase", *_right("samples", "generated", "backward", "forward", "hours"), title="tokens and time")
    for phase in [*plan.phases, _all(plan.phases)]:
        counts = (phase.samples, phase.generated, phase.backward, phase.forward)
        phases.add_row(phase.name, *(_count(n) for n in counts), f"{phase.hours:.3g}")
    parts = Table("part", *_right("GB"), title=f"memory of one {machine.name}, of {machine.memory_gb:g} GB")
    for name, size in [*plan.memory.items(), ("all", plan.peak)]:
        parts.add_row(name, f"{size / 1e9:.3g}")
    typical = ", ".join(f"{name} {value:g}" for name, value in found.typical.model_dump().items())
    said = [
        f"{plan.questions:,} training questions and {plan.test_questions:,} test questions; {plan.samples:,} of the "
        f"{plan.allowed:,} training samples that the budget allows",
        f"{plan.hours:.3g} hours of {machine.count} x {machine.name}, {plan.hours * machine.count:.3g} in all, at "
        f"{machine.tokens_per_second:,g} sampled tokens a second and {machine.utilisation:.0%} of {machine.tflops:g} TFLOP/s "
        f"each; verifying and loading are not in it",
        "fits" if plan.fits else _does_not_fit(plan),
        f"disk: {plan.disk / 1e9:.3g} GB",
        f"assumed: {typical}",
        *(f"differs from the paper: {' '.join(text.split())}" for text in deviations),
    ]
    return Group(phases, parts, *(f"- {text}" for text in said))


def _does_not_fit(plan: Plan) -> str:
    over = (plan.peak - plan.machine.memory_gb * 1e9) / 1e9
    return (
        f"DOES NOT FIT: {over:.3g} GB too much. Smaller: optimizer.gradient_checkpointing=true, optimizer.micro_batch_size=1, "
        f"sampling.batch_size, model.dtype=bfloat16; or an accelerator with more memory"
    )


def checked_in_table(rows: Iterable[Compared]) -> Table:
    table = Table("phase", "", *_right("planned", "used", "error"))
    for row in rows:
        error = "-" if row.error is None else f"{row.error:+.0%}"
        table.add_row(row.phase, row.what, _count(row.planned), _count(row.used), error)
    return table


def _all(phases: Sequence[PlannedPhase]) -> PlannedPhase:
    names = ("samples", "generated", "backward", "forward", "hours")
    sums = {name: sum(getattr(phase, name) for phase in phases) for name in names}
    return PlannedPhase("all", **sums)


def _right(*names: str) -> list[Any]:
    return [Column(name, justify="right") for name in names]


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e7 else f"{number / 1e6:,.0f}M"
