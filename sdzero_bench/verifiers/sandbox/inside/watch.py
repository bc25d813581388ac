"""A program's process, watched: how long it may take, and what it died of."""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False  # as `typing` has it, which takes as long to import as Python to start
if TYPE_CHECKING:
    from typing import Any

TICK_SECONDS = 0.02
EXCEPTION, SYNTAX = 120, 121
"""Exit codes of a process whose program raised, or could not be compiled. A program that uses them fails all the same."""

_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL"}
_SIGNALS |= {11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS"}
_SIGKILL = 9


class Death(BaseException):
    """The program is gone, or as good as gone. Not an `Exception`: a test that catches those must not live on without it."""

    def __init__(self, outcome: str, detail: str, code: int | None = None) -> None:
        super().__init__(outcome, detail)
        self.outcome, self.detail, self.code = outcome, detail, code


class Watch:
    """One process with its limits: cpu and wall (seconds per test), total_cpu and total_wall, memory (bytes)."""

    def __init__(self, pid: int, limits: dict[str, Any]) -> None:
        self.pid, self.limits = pid, limits
        self.death: Death | None = None
        self._usage: Any = None
        self._cpu, self._born = 0.0, time.monotonic()
        self.begin()

    def begin(self) -> None:
        """A test begins."""
        self._since = time.monotonic(), self.cpu()

    def spent(self) -> tuple[float, float]:
        """CPU and wall seconds since the test began."""
        return self.cpu() - self._since[1], time.monotonic() - self._since[0]

    def cpu(self) -> float:
        """CPU seconds of the process since its start."""
        if self._usage is not None:
            return float(self._usage.ru_utime + self._usage.ru_stime)
        # The clock of another process: see clock_getcpuclockid(3); the number is CPUCLOCK_SCHED of its pid.
        try:  # noqa: SIM105 - contextlib takes half as long to import as Python to start
            self._cpu = max(self._cpu, time.clock_gettime(~self.pid << 3 | 2))
        except OSError:
            pass
        return self._cpu

    def check(self) -> None:
        """Raises `Death` if the test has taken too long."""
        cpu, wall = self.spent()
        if cpu > self.limits["cpu"]:
            raise self.kill("time", f"more than {self.limits['cpu']:.3g} s of CPU time")
        if wall > self.limits["wall"]:
            raise self.kill("time", f"more than {self.limits['wall']:.3g} s, {cpu:.3g} s of it on the CPU")
        if self.cpu() > self.limits["total_cpu"] or time.monotonic() - self._born > self.limits["total_wall"]:
            raise self.kill("time", "all tests together took longer than allowed")

    def kill(self, outcome: str, detail: str) -> Death:
        """Kills the process and says what for; the first reason stays."""
        if self.death is None:
            self.death = Death(outcome, detail)
        if self._usage is None:
            os.kill(self.pid, _SIGKILL)
            _, _, self._usage = os.wait4(self.pid, 0)
        return self.death

    def ended(self, patience: float, said: bytes = b"") -> Death | None:
        """What the process died of, if it does within `patience` seconds. `said`: the end of its stderr."""
        until = time.monotonic() + patience
        while self._usage is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._usage = usage
                self.death = self.death or self._cause(status, said.decode("utf-8", "replace").strip())
            elif time.monotonic() > until:
                return None
            else:
                time.sleep(0.0005)
        return self.death

    def _cause(self, status: int, said: str) -> Death:
        last = said.splitlines()[-1][:500] if said else ""
        full = self._usage.ru_maxrss * 1024 > 0.9 * self.limits["memory"]
        cpu = self.spent()[0]
        if os.WIFSIGNALED(status):
            name = _SIGNALS.get(os.WTERMSIG(status), f"signal {os.WTERMSIG(status)}")
            if name == "SIGXCPU" or cpu > self.limits["cpu"]:
                return Death("time", f"more than {self.limits['cpu']:.3g} s of CPU time")
            if "bad_alloc" in said or full:
                return Death("memory", f"{name}, {last or 'out of memory'}")
            return (
                Death("output", "a file larger than allowed")
                if name == "SIGXFSZ"
                else Death("signal", f"{name} {last}".strip())
            )
        code = os.WEXITSTATUS(status)
        if cpu > self.limits["cpu"]:
            return Death("time", f"{cpu:.3g} s of CPU time, {self.limits['cpu']:.3g} s allowed")
        if code in (EXCEPTION, SYNTAX):
            return Death("memory" if last.startswith("MemoryError") else "exception", last, code)
        return Death("exit", f"exit code {code} {last}".strip(), code)


def readable(fds: list[int], seconds: float = TICK_SECONDS) -> list[int]:
    """Those of the descriptors that have something to read, or have ended."""
    return select.select(fds, [], [], seconds)[0] if fds else []


def writable(fd: int, seconds: float = TICK_SECONDS) -> bool:
    return bool(select.select([], [fd], [], seconds)[1])


def sweep() -> None:
    """Ends what a program left running where no namespace ends with the tester, and no filter forbids new processes.

    Only by number, and only descendants, which all come to the tester as orphans: `kill(-1)` would end all that the user runs
    if the process were not where it is thought to be.
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
