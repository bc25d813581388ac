"""Watch a program's process: enforce its time limits, and find out why it ended."""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False  # not from `typing`, whose import takes as long as starting Python
if TYPE_CHECKING:
    import resource

    from sdzero_bench.verifiers.sandbox.limits import LimitsInForce

TICK_SECONDS = 0.02
MOST_CROWDED = 4.0
"""A limit of wall time is extended up to this many times, if the machine is that busy when the limit is reached."""
EXCEPTION, SYNTAX = 120, 121
"""Exit codes of a process whose program raised or could not be compiled. A program that exits with them fails anyway."""

_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL"}
_SIGNALS |= {11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS"}
_SIGKILL = 9
_NO_MEMORY = ("bad_alloc", "JavaScript heap out of memory", "Array buffer allocation failed")
"""What compiled programs and Node.js say of a failed allocation on standard error."""


class Death(BaseException):
    """The program has ended or has been given up. Not an `Exception`, so that a test cannot catch it and continue."""

    def __init__(self, outcome: str, detail: str, code: int | None = None) -> None:
        super().__init__(outcome, detail)
        self.outcome, self.detail, self.code = outcome, detail, code


class Watch:
    """One process with its limits: cpu and wall (seconds per test), total_cpu and total_wall, memory (bytes)."""

    def __init__(self, pid: int, limits: LimitsInForce) -> None:
        self.pid, self.limits = pid, limits
        self.death: Death | None = None
        self._usage: resource.struct_rusage | None = None
        self._cpu, self._born = 0.0, time.monotonic()
        self._crowded = 1.0
        self.begin()

    def begin(self) -> None:
        """Start timing a test."""
        self._since = time.monotonic(), self.cpu()
        self._answered: tuple[float, float] | None = None

    def answered(self) -> None:
        """Stop timing the test: what follows is the tester's work."""
        self._answered = self.spent()

    def spent(self) -> tuple[float, float]:
        """CPU and wall seconds since the test began."""
        return self._answered or (self.cpu() - self._since[1], time.monotonic() - self._since[0])

    def cpu(self) -> float:
        """CPU seconds of the process since its start."""
        if self._usage is not None:
            return self._usage.ru_utime + self._usage.ru_stime
        # The CPU clock of another process, as in clock_getcpuclockid(3): CPUCLOCK_SCHED of its PID.
        try:  # noqa: SIM105 - importing contextlib takes half as long as starting Python
            self._cpu = max(self._cpu, time.clock_gettime(~self.pid << 3 | 2))
        except OSError:
            pass
        return self._cpu

    def check(self) -> None:
        """Raise `Death` if the test has exceeded a time limit."""
        cpu, wall = self.spent()
        if cpu > self.limits["cpu"]:
            raise self.kill("time", f"more than {self.limits['cpu']:.3g} s of CPU time")
        if self._late(wall, self.limits["wall"]):
            raise self.kill("time", f"more than {self.limits['wall']:.3g} s, {cpu:.3g} s of it on the CPU")
        if self.cpu() > self.limits["total_cpu"] or self._late(time.monotonic() - self._born, self.limits["total_wall"]):
            raise self.kill("time", "all tests together took longer than allowed")

    def _late(self, wall: float, limit: float) -> bool:
        """Whether the time is up, even if the process had to wait for a busy processor as long as this one has to now."""
        if wall <= limit * self._crowded:
            return False
        self._crowded = max(self._crowded, crowding())
        return wall > limit * self._crowded

    def kill(self, outcome: str, detail: str) -> Death:
        """Kill the process and return the reason; the first reason is kept."""
        if self.death is None:
            self.death = Death(outcome, detail)
        if self._usage is None:
            os.kill(self.pid, _SIGKILL)
            _, _, self._usage = os.wait4(self.pid, 0)
        return self.death

    def ended(self, patience: float, said: bytes = b"") -> Death | None:
        """Why the process ended, or None if it has not within `patience` seconds. `said` is the end of its stderr."""
        until = time.monotonic() + patience
        while self._usage is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._usage = usage
                self.death = self.death or self._cause(status, usage, said.decode("utf-8", "replace").strip())
            elif time.monotonic() > until:
                return None
            else:
                time.sleep(0.0005)
        return self.death

    def _cause(self, status: int, usage: resource.struct_rusage, said: str) -> Death:
        # What follows the message of Node.js is indented, or its version.
        lines = [line for line in said.splitlines() if line and not line.startswith((" ", "Node.js v"))]
        last = (lines or said.splitlines() or [""])[-1][:500]
        full = usage.ru_maxrss * 1024 > 0.9 * self.limits["memory"]
        cpu = self.spent()[0]
        if os.WIFSIGNALED(status):
            name = _SIGNALS.get(os.WTERMSIG(status), f"signal {os.WTERMSIG(status)}")
            if cpu > self.limits["cpu"]:  # the kernel sends SIGXCPU later than that; a program may send it to itself
                return Death("time", f"more than {self.limits['cpu']:.3g} s of CPU time")
            if full or any(words in said for words in _NO_MEMORY):
                return Death("memory", f"{name}, {last or 'out of memory'}")
            return (
                Death("output", "a file larger than allowed")
                if name == "SIGXFSZ"
                else Death("signal", f"{name} {last}".strip())
            )
        code = os.WEXITSTATUS(status)
        if cpu > self.limits["cpu"]:
            return Death("time", f"{cpu:.3g} s of CPU time, {self.limits['cpu']:.3g} s allowed")
        if code in (EXCEPTION, SYNTAX) and last:
            return Death("memory" if last.startswith("MemoryError") else "exception", last, code)
        if _NO_MEMORY[1] in said or _NO_MEMORY[2] in said:
            return Death("memory", f"exit code {code}, out of memory", code)
        return Death("exit", f"exit code {code} {last}".strip(), code)


def crowding() -> float:
    """Wall time relative to CPU time of this process, which is 1 on an idle machine; at most `MOST_CROWDED`."""
    wall, cpu = time.monotonic(), time.process_time()
    while (spent := time.process_time() - cpu) < 0.02:
        pass
    return min(MOST_CROWDED, max(1.0, (time.monotonic() - wall) / spent))


def readable(fds: list[int], seconds: float = TICK_SECONDS) -> list[int]:
    """The descriptors that have something to read, or have reached their end."""
    return select.select(fds, [], [], seconds)[0] if fds else []


def writable(fd: int, seconds: float = TICK_SECONDS) -> bool:
    return bool(select.select([], [fd], [], seconds)[1])


def sweep() -> None:
    """Kill what a program left running, for the tier without a namespace that ends with the tester.

    Only descendants are killed, by PID; all of them become children of the tester. `kill(-1)` would kill everything that the
    user runs if the tester were not isolated as expected.
    """
    for _ in range(1000):
        for pid in _children():
            os.kill(pid, _SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []
