"""A probe: a program that attacks, and how a sandbox that holds responds.

A probe that succeeds must do no harm, since the sandbox may be weaker than expected. So the fork bomb starts only 64 sleeping
processes, and signals are tested with signal 0, which only checks whether they could be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.result import Execution, ProgramResult
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox

LIMITS = Limits(cpu_seconds=1.0, wall_multiple=2.0, total_cpu_seconds=10.0, memory_mb=256, output_kb=256)
REACHED = "reached"
"""Printed by a program that got something it must not get."""


@dataclass(frozen=True)
class Probe:
    """One attack: what it tries, and what is expected of a sandbox."""

    name: str
    tries: str
    expects: str
    attack: Callable[[Sandbox], str | None]
    """Runs the attack. Returns what went wrong, or None if the sandbox held."""
    held_by: tuple[int, ...] = (1, 2, 3)
    """Tiers that withstand it with a seccomp filter."""
    held_without_filter: tuple[int, ...] = (1, 2, 3)

    def promised_by(self, sandbox: Sandbox) -> bool:
        """Whether the sandbox promises to withstand the attack."""
        return sandbox.tier in (self.held_by if sandbox.seccomp else self.held_without_filter)


def script(source: str, *outcomes: str, language: str = "python", limits: Limits = LIMITS) -> Callable[[Sandbox], str | None]:
    """An attack by a script, which must end with one of the outcomes and must not print `reached`."""

    def attack(sandbox: Sandbox) -> str | None:
        result = sandbox.stdio(language, source, [""], limits)
        if result.compile_error is not None:
            return f"did not compile: {result.compile_error}"
        return wrong_outcome(result.executions[0], outcomes)

    return attack


def wrong_outcome(execution: Execution, outcomes: Sequence[str]) -> str | None:
    """What is wrong with how a script ended, or None."""
    if REACHED in execution.stdout:
        return execution.stdout.strip()[:300]
    if execution.outcome not in outcomes:
        return f"ended with {execution.outcome} ({execution.detail}), not with {' or '.join(outcomes)}"
    return None


def passed(result: ProgramResult) -> str | None:
    """The tests that a forgery has passed, or None if it failed all of them."""
    numbers = [str(n + 1) for n, execution in enumerate(result.executions) if execution.outcome == "ok"]
    return f"test {', '.join(numbers)} passed" if numbers else None
