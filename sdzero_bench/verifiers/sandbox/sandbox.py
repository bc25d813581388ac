"""The sandbox: runs a program on its tests and returns the results as plain data."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.sandbox import tiers
from sdzero_bench.verifiers.sandbox.filters import Filters
from sdzero_bench.verifiers.sandbox.free_names import expects_stop, free_names, imported, made, standard_modules
from sdzero_bench.verifiers.sandbox.inside.codec import Unreadable
from sdzero_bench.verifiers.sandbox.inside.watch import MOST_CROWDED
from sdzero_bench.verifiers.sandbox.languages import Language, language
from sdzero_bench.verifiers.sandbox.limits import Limits, LimitsInForce
from sdzero_bench.verifiers.sandbox.nurseries import Nursery, nursery
from sdzero_bench.verifiers.sandbox.payload import NURSE, START, Hidden, Job, modules, packed
from sdzero_bench.verifiers.sandbox.process import exchange
from sdzero_bench.verifiers.sandbox.reports import Hearing
from sdzero_bench.verifiers.sandbox.result import Judge, ProgramResult, SandboxError, TestUnsupportedError

_START_SECONDS = 5.0
"""Wall seconds for starting and stopping, before scaling, in addition to the program's own limits."""


@dataclass(frozen=True)
class Sandbox:
    """Runs each program in a sandbox of its own. Holds plain data, so that it can be sent to worker processes.

    tier:
        1: bubblewrap; 2: unshare; 3: resource limits only, a guard against accidents.
    forks:
        In tier 1: whether Python is started once for each thread that runs programs, and forks for each program, into
        namespaces of its own (inside/nursery.py). Else, it is started for each program.
    slowness, crowding:
        CPU time of a reference program relative to the reference machine, and its wall time relative to its CPU time; at
        least 1. Limits of time are multiplied by the first. The second is for the record: limits of wall time depend on how
        busy the machine is when they are reached.
    """

    tier: int
    filters: Filters = field(default_factory=Filters)
    slowness: float = 1.0
    crowding: float = 1.0
    other_processes: int = 3
    forks: bool = False
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def seccomp(self) -> bool:
        return bool(self.filters.program)

    @property
    def name(self) -> str:
        return f"tier {self.tier} ({tiers.NAMES[self.tier]}, {'seccomp' if self.seccomp else 'no seccomp'})"

    def as_dict(self) -> dict[str, object]:
        """Plain data for the record of a run."""
        versions = self.versions | ({"libseccomp": self.filters.version} if self.filters.version else {})
        factors = {"slowness": round(self.slowness, 3), "crowding": round(self.crowding, 3)}
        return {"tier": self.tier, "name": self.name, "seccomp": self.seccomp, **factors, "versions": versions}

    def stdio(
        self, language_name: str, source: str, inputs: Sequence[str], limits: Limits, judge: Judge | None = None
    ) -> ProgramResult:
        """Run the program as a script, once per input. `judge` compares its output as it comes; without one, it is kept.

        Raises `SandboxError`, and `UserError` for an unknown language.
        """
        return self._run(
            language(language_name), source, limits, len(inputs), "stdio", [{"input": text} for text in inputs], judge
        )

    def calls(
        self, source: str, function: str, calls: Sequence[Sequence[object]], limits: Limits, judge: Judge | None = None
    ) -> ProgramResult:
        """Call a function of a Python program with plain data. `judge` compares the returned values as they come; without one,
        they are kept.

        `function` is a name, or "Class.method", which is called on a new instance each time. Raises `SandboxError`.
        """
        hidden: Hidden = {"function": function, "calls": [list(args) for args in calls]}
        return self._run(language("python"), source, limits, len(calls), "calls", [hidden], judge)

    def asserts(
        self, source: str, tests: Sequence[str], names: Sequence[str], limits: Limits, setup: str = ""
    ) -> ProgramResult:
        """Run `setup` and then assert scripts, in a process separate from the Python program that they test.

        The scripts can use `names` of the program, and any name that is defined nowhere else. They see what they would see in
        one process, with one difference: an object of the program's own classes never equals, and is not ordered with, a plain
        value, so that a program can neither learn nor decide what its results are compared with. Raises
        `TestUnsupportedError` for scripts that are not valid Python or import what is not available, and `SandboxError`.
        """
        wanted = sorted({*names, *free_names([setup, *tests])})
        scripts = [setup, *tests]
        hidden: Hidden = {
            "names": wanted,
            "makes": made(wanted, scripts),
            "modules": standard_modules(wanted, scripts),
            "imports": imported(scripts),
            "expects_stop": expects_stop(scripts),
            "setup": setup,
            "tests": list(tests),
        }
        return self._run(language("python"), source, limits, len(tests), "asserts", [hidden], None)

    def deadline(self, limits: Limits, language_name: str = "python") -> float:
        """Wall seconds after which a program with all its tests has ended, whatever it does."""
        force = self._in_force(limits)
        compile_wall = self._compile_limits(language(language_name))["wall"] if language(language_name).compile else 0.0
        start = _START_SECONDS * self.slowness * self.crowding
        return (force["total_wall"] + force["wall"] + compile_wall) * MOST_CROWDED + start

    def _in_force(self, limits: Limits) -> LimitsInForce:
        return limits.in_force(self.slowness, self.other_processes)

    def _compile_limits(self, found: Language) -> LimitsInForce:
        seconds = found.compile_seconds
        return self._in_force(Limits(seconds, memory_mb=found.compile_memory_mb, processes=64, file_mb=128, output_kb=64))

    def _run(
        self,
        found: Language,
        source: str,
        limits: Limits,
        tests: int,
        mode: Literal["stdio", "calls", "asserts"],
        hidden: Sequence[Hidden],
        judge: Judge | None,
    ) -> ProgramResult:
        if not tests:
            raise TestUnsupportedError("there are no tests")
        # Without a file system of its own, a program must not write files at all.
        own = self.filters.program if self.tier < 3 else self.filters.program_without_writing
        # Without a file system of its own, a compiler or an interpreter needs a directory on the host.
        needs_directory = self.tier == 3 and (found.compile or found.run)
        with tempfile.TemporaryDirectory(prefix="sandbox-") if needs_directory else nullcontext("/tmp") as directory:
            job: Job = {
                "tier": self.tier,
                "mode": mode,
                "tests": tests,
                "directory": directory,
                "scratch": tiers.SCRATCH_BYTES,
                "source": source,
                "file_name": found.file_name,
                "limits": self._in_force(limits),
                "filter": own,
                "compile": list(found.compile),
                "run": list(found.run),
                "prelude": found.prelude,
                "compile_limits": self._compile_limits(found),
                "compile_filter": self.filters.compiler,
            }
            most = (limits.output_kb << 10) + 100_000
            reports = Hearing(tests, self.name, judge)
            seconds = self.deadline(limits, found.name)
            told = packed(job, hidden)
            try:
                if self.forks:
                    words = self._nursery().exchange(told, seconds, most, reports.hear)
                else:
                    words = exchange(
                        self._command(START), modules(mode == "asserts") + told, seconds, most, tiers.ENVIRONMENT, reports.hear
                    )
            except (OSError, Unreadable) as error:
                raise SandboxError(f"{self.name}: {error}") from None
        return reports.result(words)

    def _nursery(self) -> Nursery:
        return nursery(self._command(NURSE.format(scratch=tiers.SCRATCH_BYTES)), modules(True), tiers.ENVIRONMENT)

    def _command(self, script: str) -> list[str]:
        return [*tiers.COMMANDS[self.tier](), *tiers.interpreter(), "-c", script]


def require_language(name: str, sandbox: Sandbox) -> None:
    """Run a program in the sandbox, compiled if need be. Raises `UserError` if that fails."""
    found = language(name)
    try:
        result = sandbox.stdio(name, found.hello, [""], Limits())
    except SandboxError as error:
        raise UserError(f"{name} programs cannot be run: {error}; {found.install}") from None
    if result.compile_error is not None or result.executions[0].stdout.strip() != "hello":
        said = result.executions[0].detail if result.compile_error is None else result.compile_error
        raise UserError(f"{name} programs cannot be run: {said.splitlines()[0] if said else 'no output'}; {found.install}")
