"""A plan as tables, and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table

from sdzero_bench.core.out_of_memory import SAMPLING, TRAINING
from sdzero_bench.core.text import counted
from sdzero_bench.runs.plan.assumptions import Assumptions
from sdzero_bench.runs.plan.estimate import Plan, PlannedPhase
from sdzero_bench.runs.plan.plan_check import Compared
from sdzero_bench.runs.plan.speed import Speed


def document(plan: Plan, found: Assumptions, speeds: Sequence[Speed] = ()) -> dict[str, Any]:
    return {
        "measured": [asdict(speed) for speed in speeds],
        "architecture": asdict(plan.architecture),
        "assumed": {"typical": found.typical.model_dump(), "machine": found.machine.model_dump()},
        "questions": plan.questions,
        "test_questions": plan.test_questions,
        "samples": plan.samples,
        "samples_allowed": plan.allowed,
        "phases": [asdict(phase) for phase in plan.phases],
        "hours": plan.hours,
        "memory_bytes": {**plan.largest.memory, "all": plan.peak},
        "memory_phase": plan.largest.name,
        "exchanged_bytes": plan.exchange.times * plan.exchange.size if plan.exchange else None,
        "memory_bytes_at_worst": plan.worst,
        "fits": plan.fits,
        "disk_bytes": plan.disk,
    }


def in_tables(plan: Plan, found: Assumptions, deviations: Sequence[str]) -> RenderableType:
    machine = plan.machine
    columns = _right("samples", "generated", "backward", "forward", "hours", "GB")
    phases = Table(Column("phase", overflow="fold"), *columns, title="tokens, time, and memory of one device")
    for phase in plan.phases:
        phases.add_row(phase.name, *_figures(phase), _gb(sum(phase.memory.values())))
    phases.add_row("all", *_figures(_all(plan.phases)), _gb(plan.peak))
    title = f"peak memory per device ({machine.name}, {machine.memory_gb:g} GB), in {plan.largest.name}"
    parts = Table("part", *_right("GB"), title=title)
    for name, size in [*plan.largest.memory.items(), ("all", plan.peak)]:
        parts.add_row(name, _gb(size))
    typical = ", ".join(f"{name} {value:g}" for name, value in found.typical.model_dump(exclude_none=True).items())
    said = [
        f"{counted(plan.questions, 'training question')} and {counted(plan.test_questions, 'test question')}; "
        f"{plan.samples:,} of the "
        f"{counted(plan.allowed, 'training sample')} that the budget allows",
        f"{_hours(plan.hours)} hours on {_devices(plan)}, at {_rate(machine.tokens_per_second)} sampled tokens per second and "
        f"{machine.utilisation:.0%} of {machine.tflops:g} TFLOP/s per device, without loading"
        f"{'' if machine.sustained else '; --measure measures both on this machine'}",
        *(f"source of {source}" for source in machine.sources),
        _fits(plan) if plan.fits else _does_not_fit(plan),
        *_travels(plan),
        f"disk: {_gb(plan.disk)} GB",
        f"assumed: {typical}; responses are no longer than sampling.max_new_tokens and evaluation.max_new_tokens allow",
        *(f"differs from the paper: {' '.join(text.split())}" for text in deviations),
    ]
    return Group(phases, parts, *(f"- {text}" for text in said))


def _devices(plan: Plan) -> str:
    machine = plan.machine
    if machine.count == 1:
        return machine.name
    return f"{machine.count} x {machine.name} ({_hours(plan.hours * machine.count)} device hours)"


def _fits(plan: Plan) -> str:
    return f"fits; where every response of a batch is as long as it may be, it needs {_gb(plan.worst)} GB"


def _does_not_fit(plan: Plan) -> str:
    if plan.lacking_in_engine:
        return (
            f"DOES NOT FIT: vLLM's share of the memory lacks {_gb(plan.lacking_in_engine)} GB to hold its weights and one "
            f"sequence; raise engine.gpu_memory, or lower engine.max_model_len"
        )
    over = plan.worst - plan.machine.memory_gb * 1e9
    return (
        f"DOES NOT FIT: {_gb(over)} GB too much, where every response of a batch is as long as it may be. To need less: "
        f"{TRAINING}; {SAMPLING}; or use a larger device"
    )


def _travels(plan: Plan) -> list[str]:
    if plan.exchange is None:
        return []
    times, size = plan.exchange.times, plan.exchange.size
    return [
        f"weights travel to the servers {times:,} times, {_gb(size)} GB each: {times * size / 1e12:.3g} TB are written to "
        f"engine.exchange, and read by every server"
    ]


def speeds_in_table(speeds: Iterable[Speed]) -> Table:
    """What was measured on this machine."""
    table = Table("measured here", *_right("sequences", "at a time", "tokens", "seconds", "tokens per second"))
    for speed in speeds:
        figures = (f"{speed.sequences:,}", f"{speed.batch:,}", f"{speed.tokens:,.0f}", f"{speed.seconds:.1f}")
        table.add_row(speed.kind, *figures, f"{speed.per_second:,.0f}")
    return table


def checked_in_table(rows: Iterable[Compared]) -> Table:
    table = Table("phase", "", *_right("planned", "used", "error"))
    for row in rows:
        error = "-" if row.error is None else f"{row.error:+.0%}"
        table.add_row(row.phase, row.what, _count(row.planned), _count(row.used), error)
    return table


def _all(phases: Sequence[PlannedPhase]) -> PlannedPhase:
    names = ("samples", "generated", "backward", "forward", "hours")
    sums = {name: sum(getattr(phase, name) for phase in phases) for name in names}
    return PlannedPhase("all", **sums, memory={}, worst=0.0)


def _figures(phase: PlannedPhase) -> list[str]:
    counts = (phase.samples, phase.generated, phase.backward, phase.forward)
    return [*(_count(n) for n in counts), _hours(phase.hours)]


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.3g}"


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _gb(size: float) -> str:
    return "under 0.01" if 0 < size < 1e7 else f"{size / 1e9:.3g}"


def _right(*names: str) -> list[Any]:
    return [Column(name, justify="right") for name in names]


def _count(number: float) -> str:
    return f"{number:,.0f}" if number < 1e7 else f"{number / 1e6:,.0f}M"
