"""Leaves out the tests whose system program is missing, and reports them at the end of the session.

A test that needs one of the programs of tools/system_programs.py has that program's marker. With CI=true, a test that is left
out fails the session.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tools.system_programs import PROGRAMS

PROPERTY = "needs"
"""Carries the missing programs of a test from the process that skips it to the one that reports."""


def pytest_configure(config: pytest.Config) -> None:
    for program in PROGRAMS:
        config.addinivalue_line("markers", f"{program.marker}: needs {program.name}, for {program.needed_for}")
    if not hasattr(config, "workerinput"):  # with -n, only the process that reports has all of the results
        config.pluginmanager.register(LeftOut(in_ci=os.environ.get("CI", "").lower() in ("true", "1")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    needed = {mark.name for item in items for mark in item.iter_markers()}
    problems = {p.marker: problem for p in PROGRAMS if p.marker in needed and (problem := p.problem()) is not None}
    for item in items:
        if missing := [marker for marker in problems if item.get_closest_marker(marker)]:
            item.add_marker(pytest.mark.skip(reason="; ".join(problems[marker] for marker in missing)))
            item.user_properties += [(PROPERTY, marker) for marker in missing]


@dataclass(eq=False)  # pytest hashes its plug-ins
class LeftOut:
    """Counts the tests left out per program."""

    in_ci: bool
    counts: dict[str, int] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and report.skipped:
            for name, marker in report.user_properties:
                if name == PROPERTY:
                    self.counts[str(marker)] = self.counts.get(str(marker), 0) + 1

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
        yield  # after everything else, so that it is what a reader sees last
        if not self.counts:
            return
        terminalreporter.section("tests left out", red=self.in_ci, yellow=not self.in_ci)
        for program in PROGRAMS:
            if program.marker in self.counts:
                count = self.counts[program.marker]
                terminalreporter.line(f"{count} {'test' if count == 1 else 'tests'} ({program.marker}): {program.problem()}")
        if self.in_ci:
            terminalreporter.line("CI=true: the session fails, because every test has to run in CI", red=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.in_ci and self.counts and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
