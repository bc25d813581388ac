"""A probe: a program that tries something, and what a sandbox that holds makes of it.

A probe that gets through must do no harm: a sandbox may be less than it is taken for. So the fork bomb starts 64 processes
that sleep, and no signal is sent but the one that asks whether it could be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.result import Execution, ProgramResult
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

LIMITS = Limits(cpu_seconds=1.0, wall_multiple=2.0, total_cpu_seconds=10.0, memory_mb=256, output_kb=256)
REACHED = "reached"
"""What a program prints where it got what it must not get."""


@dataclass(frozen=True)
class Probe:
    name: str
    tries: str
    expects: str
    attack: Callable[[Sandbox], str | None]
    """Runs it. What is wrong; None where the sandbox held."""
    held_by: tuple[int, ...] = (1, 2, 3)
    """Tiers that hold it with a seccomp filter."""
    held_without_filter: tuple[int, ...] = (1, 2, 3)

    def promised_by(self, sandbox: Sandbox) -> bool:
        return sandbox.tier in (self.held_by if sandbox.seccomp else self.held_without_filter)


def script(source: str, *outcomes: str, language: str = "python", limits: Limits = LIMITS) -> Callable[[Sandbox], str | None]:
    """A script that must end with one of the outcomes, and must not print `reached`."""

    def attack(sandbox: Sandbox) -> str | None:
        result = sandbox.stdio(language, source, [""], limits)
        if result.compile_error is not None:
            return f"did not compile: {result.compile_error}"
        return wrong_outcome(result.executions[0], outcomes)

    return attack


def wrong_outcome(execution: Execution, outcomes: Sequence[str]) -> str | None:
    if REACHED in execution.stdout:
        return execution.stdout.strip()[:300]
    if execution.outcome not in outcomes:
        return f"ended with {execution.outcome} ({execution.detail}), not with {' or '.join(outcomes)}"
    return None


def passed(result: ProgramResult) -> str | None:
    """The forger's success: any test that counts as passed."""
    numbers = [str(n + 1) for n, execution in enumerate(result.executions) if execution.outcome == "ok"]
    return f"test {', '.join(numbers)} passed" if numbers else None
