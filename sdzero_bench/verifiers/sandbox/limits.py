"""Resource limits of programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class LimitsInForce(TypedDict):
    """Limits scaled to this machine, in seconds and bytes; `cpu` and `wall` per test."""

    cpu: float
    wall: float
    total_cpu: float
    total_wall: float
    memory: int
    processes: int
    file: int
    output: int


@dataclass(frozen=True)
class Limits:
    """Limits per test of a program: one input, one call or one assert script. Times are scaled by the machine's slowness.

    The limit of wall time is `wall_multiple` times the limit of CPU time: it stops programs that sleep or wait, and tolerates
    those that only share the processor. When it is reached, it is extended by what the processor is shared at that time
    (inside/watch.py).
    """

    cpu_seconds: float = 4.0
    wall_multiple: float = 3.0
    total_cpu_seconds: float = 60.0
    """For all tests of one program together. Tests beyond it are not run, and count as failed."""
    memory_mb: int = 512
    """Address space of the program's process."""
    processes: int = 16
    """In effect threads: with a seccomp filter, a program cannot start processes."""
    file_mb: int = 16
    output_kb: int = 1024
    """Size of what is printed, or returned by one call."""

    def in_force(self, slowness: float, others: int) -> LimitsInForce:
        """The scaled limits. `others`: number of processes of the same user that count towards the limit of processes."""
        cpu, total = self.cpu_seconds * slowness, max(self.total_cpu_seconds, self.cpu_seconds) * slowness
        return {
            "cpu": cpu,
            "wall": cpu * self.wall_multiple,
            "total_cpu": total,
            "total_wall": total * self.wall_multiple,
            "memory": self.memory_mb << 20,
            "processes": self.processes + others,
            "file": self.file_mb << 20,
            "output": self.output_kb << 10,
        }
