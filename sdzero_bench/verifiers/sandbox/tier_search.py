"""Find the best sandbox that works on this machine, by running a program in each tier, and calibrate its time limits."""

from __future__ import annotations

import os
import platform
import secrets
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.sandbox.filters import Filters, make_filters
from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.result import SandboxError
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox
from sdzero_bench.verifiers.sandbox.tiers import versions

REFERENCE_SECONDS = 0.025
"""CPU seconds of the reference program on the reference machine: a 2-core x86-64 virtual machine with both cores busy,
CPython 3.11.7."""

_REFERENCE = """
def reference(n):
    words = {}
    for i in range(n):
        key = str(i * i % 1009)
        words[key] = words.get(key, 0) + i
    return sorted(words.items(), key=lambda pair: pair[1])[0][1] + sum(i * i for i in range(n))
"""

_PLACES = ("/", "/usr", "/tmp", "/dev")
_LOOK = """
import os

def look(marker):
    found = dict(root=os.listdir("/"), pid=os.getpid(), environment=sorted(os.environ), written=[])
    for directory in {places}:
        try:
            with open(directory + "/" + marker, "w") as file:
                file.write(marker)
            found["written"].append(directory)
        except OSError:
            pass
    return found
"""


class _Seen(TypedDict):
    """What `look` reports from inside the sandbox."""

    root: list[str]
    pid: int
    environment: list[str]
    written: list[str]


_INSTALL = "install bubblewrap (Debian, Ubuntu: `apt install bubblewrap`), or pass --allow-weaker-sandbox to run programs in"


def find_sandbox(allow_weaker: bool = False) -> Sandbox:
    """The best tier that works on this machine, calibrated. Takes about a second.

    Raises `UserError` if that is not bubblewrap, unless weaker tiers are allowed, or if no tier works.
    """
    if not sys.platform.startswith("linux"):
        raise UserError("programs written by models run on Linux only: use Linux, or a Linux virtual machine")
    filters = make_filters()
    reasons: list[str] = []
    for tier, forks in ((1, True), (1, False), (2, False), (3, False)):
        sandbox = of_tier(tier, filters, forks)
        reason = why_not(sandbox)
        if reason is None:
            if tier > 1 and not allow_weaker:
                raise UserError(f"bubblewrap does not work here ({reasons[0]}): {_INSTALL} {sandbox.name}")
            return calibrated(sandbox)
        reasons.append(reason)
    raise UserError(f"programs written by models cannot be run on this machine: {'; '.join(reasons)}")


def of_tier(tier: int, filters: Filters | None = None, forks: bool | None = None) -> Sandbox:
    """A sandbox of that tier, not calibrated; it may not work on this machine. By default it forks if the tier can."""
    forks = tier == 1 if forks is None else forks
    own = 5 if forks else 3
    others = own if tier < 3 and _counted_by_namespace() else _running() + 256
    return Sandbox(tier, make_filters() if filters is None else filters, other_processes=others, forks=forks)


def why_not(sandbox: Sandbox) -> str | None:
    """Run a program that looks around and tries to write. Return what is wrong with the sandbox, or None if it works."""
    marker = f"sandbox-probe-{secrets.token_hex(8)}"
    try:
        (execution,) = sandbox.calls(_LOOK.format(places=_PLACES), "look", [[marker]], Limits(cpu_seconds=10)).executions
        if any(Path(place, marker).exists() for place in _PLACES) and sandbox.tier < 3:
            return f"{sandbox.name}: a program wrote to the host's files"
    except SandboxError as error:
        return str(error)
    finally:
        for place in _PLACES:
            Path(place, marker).unlink(missing_ok=True)
    if execution.outcome != "ok":
        return f"{sandbox.name}: a program that only looks around ended with {execution.outcome}: {execution.detail}"
    return _wrong(sandbox, execution.value)


def _wrong(sandbox: Sandbox, seen: _Seen) -> str | None:
    if sandbox.tier == 1 and seen["written"] != ["/tmp"]:
        return f"{sandbox.name}: a program could write to {seen['written']}, not to /tmp alone"
    shown = {"bin", "sbin", "usr", "dev", "tmp", Path(sys.base_prefix).parts[1], Path(sys.base_exec_prefix).parts[1]}
    if sandbox.tier == 1 and (more := [name for name in seen["root"] if name not in shown and not name.startswith("lib")]):
        return f"{sandbox.name}: a program saw {more}"
    if sandbox.tier < 3 and seen["pid"] > 10:
        return f"{sandbox.name}: programs share the host's process numbers"
    if set(seen["environment"]) - {"PATH", "HOME", "TMPDIR", "LC_ALL", "PWD", "OPENBLAS_NUM_THREADS"}:
        return f"{sandbox.name}: a program saw the environment: {seen['environment']}"
    return None


def calibrated(sandbox: Sandbox) -> Sandbox:
    """The sandbox with the factors by which this machine, at its present load, is slower than the reference machine."""
    cores = os.cpu_count() or 1
    size = 100_000

    def run(_: int) -> tuple[float, float]:
        (execution,) = sandbox.calls(_REFERENCE, "reference", [[size]], Limits(cpu_seconds=60)).executions
        if execution.outcome != "ok":
            raise UserError(f"{sandbox.name}: the reference program ended with {execution.outcome}: {execution.detail}")
        return execution.cpu_seconds, execution.wall_seconds

    with ThreadPoolExecutor(cores) as pool:
        times = list(pool.map(run, range(2 * cores)))
    cpu = statistics.median(cpu for cpu, _ in times)
    wall = statistics.median(wall for _, wall in times)
    return replace(
        sandbox,
        slowness=max(1.0, cpu / REFERENCE_SECONDS),
        crowding=max(1.0, wall / cpu),
        versions=versions(sandbox.tier),
    )


def _counted_by_namespace() -> bool:
    """Whether RLIMIT_NPROC counts the processes of each user namespace separately, as since Linux 5.14."""
    major, minor = platform.release().split(".")[:2]
    return (int(major), int(minor)) >= (5, 14)


def _running() -> int:
    """Number of this user's threads, which count towards a limit on processes."""
    threads = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                threads += len(list((process / "task").iterdir()))
        except OSError:  # it has ended in the meantime
            continue
    return threads
