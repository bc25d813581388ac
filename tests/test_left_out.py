"""Missing system programs: what can be installed is, tests that need the rest are left out, counted and reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import system_programs
from tools.system_programs import PROGRAMS, Program, install

TESTS = """
import pytest

@pytest.mark.latex
@pytest.mark.parametrize("n", [1, 2])
def test_compiles(n):
    assert False, "it needs pdflatex"

def test_other():
    pass
"""
COMMAND = "sudo apt-get install texlive-latex-base texlive-latex-recommended lmodern"
REPORTED = f"2 tests (latex): pdflatex is not installed; to install it: {COMMAND}"


def session(folder: Path, *arguments: str, ci: str) -> subprocess.CompletedProcess[str]:
    """A test session of its own, in which no program is on PATH."""
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PATH": str(folder), "CI": ci, "PYTHONPATH": f"{root}:{root / 'tests'}"}
    command = [sys.executable, "-m", "pytest", "-p", "left_out", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def last_lines(done: subprocess.CompletedProcess[str], count: int) -> list[str]:
    """Those that are not blank."""
    return [line for line in done.stdout.splitlines() if line.strip()][-count:]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_tests_without_their_program_are_left_out_and_reported_last(tmp_path: Path, processes: str) -> None:
    done = session(tmp_path, "-ra", "-n", processes, ci="")
    assert done.returncode == 0, done.stdout
    report, summary = last_lines(done, 2)
    assert report == REPORTED
    assert "1 passed, 2 skipped" in summary


@pytest.mark.parametrize("processes", ["0", "2"])
def test_in_ci_a_test_that_is_left_out_is_a_failure(tmp_path: Path, processes: str) -> None:
    done = session(tmp_path, "-n", processes, ci="true")
    assert done.returncode == 1, done.stdout
    report, reason, _ = last_lines(done, 3)
    assert report == REPORTED
    assert "the session fails" in reason


def test_in_ci_a_session_that_leaves_nothing_out_passes(tmp_path: Path) -> None:
    done = session(tmp_path, "-k", "other", ci="true")
    assert done.returncode == 0, done.stdout
    assert "left out" not in done.stdout


def of_a_file(name: str, folder: Path) -> Program:
    """A program that counts as installed once its file exists."""
    return Program(name, name, "tests", (f"lib{name}", name), (folder / f"has-{name}").exists)


def fake_apt(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = folder / "apt-get"
    apt.write_text(f"#!/bin/sh\n{script}\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(system_programs, "_as_root", lambda: [])


def test_one_package_that_cannot_be_installed_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_apt(
        f'case "$*" in *update*) ;; *libone*) echo "Reading lists" >&2; echo "E: no package libone" >&2; exit 100 ;;\n'
        f"*libtwo*) touch {tmp_path}/has-two ;; esac",
        tmp_path,
        monkeypatch,
    )
    one, two, three = (of_a_file(name, tmp_path) for name in ("one", "two", "three"))
    assert install([one, two, three]) == {
        one: "E: no package libone",
        three: "apt-get succeeded, but the program is still not found",
    }
    assert two.problem() is None
    assert one.problem() == "one is not installed; to install it: sudo apt-get install libone one"


def test_without_root_or_apt_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = of_a_file("one", tmp_path)
    monkeypatch.setattr(system_programs, "_as_root", lambda: None)
    assert install([one]) == {one: "this needs root or passwordless sudo"}
    monkeypatch.setattr(system_programs, "_as_root", lambda: [])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install([one]) == {one: "there is no apt-get here"}


def test_a_program_that_is_installed_and_does_not_work_says_so() -> None:
    broken = Program("one", "one", "tests", ("one",), lambda: True, lambda: "one does not work here")
    assert broken.problem() == "one does not work here"


def test_each_program_has_a_marker_of_its_own() -> None:
    assert len({program.marker for program in PROGRAMS}) == len(PROGRAMS)
