"""What a program may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """For each test of a program: one input, one call, one assert script. Before scaling by the machine's slowness.

    Wall time is the CPU time times `wall_multiple`: it stops what sleeps or waits, and leaves room to what only has to share
    the processor.
    """

    cpu_seconds: float = 4.0
    wall_multiple: float = 3.0
    total_cpu_seconds: float = 60.0
    """Of all tests of one program together; those after it are not run, and count as failed."""
    memory_mb: int = 512
    """Address space, of the one process that a program is."""
    processes: int = 16
    """Threads, in fact: where there is a seccomp filter a program can start no process."""
    file_mb: int = 16
    output_kb: int = 1024
    """Printed, or returned by one call."""

    def in_force(self, slowness: float, crowding: float, others: int) -> dict[str, float | int]:
        """Seconds and bytes. `others`: processes of the same user that count against the limit of processes."""
        cpu, total = self.cpu_seconds * slowness, max(self.total_cpu_seconds, self.cpu_seconds) * slowness
        return {
            "cpu": cpu,
            "wall": cpu * self.wall_multiple * crowding,
            "total_cpu": total,
            "total_wall": total * self.wall_multiple * crowding,
            "memory": self.memory_mb << 20,
            "processes": self.processes + others,
            "file": self.file_mb << 20,
            "output": self.output_kb << 10,
        }
