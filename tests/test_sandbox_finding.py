"""The tier is what a program finds when it runs, not what is installed; and what is missing is said before anything runs."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxes import QUICK, best, working

from sdzero_bench.core.errors import UserError
from sdzero_bench.verifiers.sandbox import LANGUAGES, SandboxError, find_sandbox, languages, require_language
from sdzero_bench.verifiers.sandbox import tier_search as finding
from sdzero_bench.verifiers.sandbox.filters import Filters, make_filters
from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.tier_search import calibrated, of_tier, why_not
from sdzero_bench.verifiers.sandbox.tiers import versions


@pytest.mark.bwrap
def test_this_machine_has_every_tier() -> None:
    """The tests of the tiers would pass without having tested anything otherwise."""
    assert [sandbox.tier for sandbox in working()] == [1, 2, 3]
    assert all(sandbox.seccomp for sandbox in working())


def fake(tool: str, script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / tool
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


DOES_NOTHING = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'


@pytest.mark.bwrap
def test_the_best_tier_is_taken_and_calibrated() -> None:
    found = find_sandbox()
    assert found.tier == 1
    assert found.slowness >= 1
    assert found.crowding >= 1
    assert found.as_dict()["versions"]["bwrap"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
        ("echo 'bwrap: Unknown option --size' >&2; exit 1", "Unknown option --size"),
        (DOES_NOTHING, "a program"),  # a bubblewrap that starts programs but keeps nothing from them
    ],
)
def test_a_bubblewrap_that_does_not_do_its_work_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    fake("bwrap", script, tmp_path, monkeypatch)
    with pytest.raises(UserError, match="install bubblewrap") as raised:
        find_sandbox()
    assert reason in str(raised.value)
    assert "--allow-weaker-sandbox" in str(raised.value)
    assert "tier 2" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert find_sandbox(allow_weaker=True).tier == 2
    assert not list(Path("/").glob("sandbox-probe-*")) + list(Path("/tmp").glob("sandbox-probe-*"))


def test_without_namespaces_there_is_a_guard_against_accidents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("bwrap", "exit 1", tmp_path, monkeypatch)
    fake("unshare", "echo 'unshare failed: Operation not permitted' >&2; exit 1", tmp_path, monkeypatch)
    found = find_sandbox(allow_weaker=True)
    assert found.tier == 3
    assert "not a sandbox" in found.name
    assert "not a sandbox" in found.as_dict()["name"]
    with pytest.raises(UserError, match="not a sandbox"):
        find_sandbox()


def test_without_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda tool, path=None: None if tool == "bwrap" else which(tool, path=path))
    monkeypatch.setattr("sdzero_bench.verifiers.sandbox.tiers.ENVIRONMENT", {"PATH": "/nowhere"})
    with pytest.raises(UserError, match="No such file or directory: 'bwrap'"):
        find_sandbox()


def test_other_systems_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserError, match="on Linux only"):
        find_sandbox()


@pytest.mark.bwrap
def test_without_libseccomp_there_are_no_filters_and_the_name_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    assert make_filters() == Filters()
    sandbox = of_tier(1)
    assert "no seccomp" in sandbox.name
    assert not sandbox.as_dict()["seccomp"]
    assert why_not(sandbox) is None


def test_a_slow_machine_is_found_to_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "REFERENCE_SECONDS", finding.REFERENCE_SECONDS / 100)
    assert calibrated(best()).slowness > 10


@pytest.mark.bwrap
def test_what_breaks_is_an_error_and_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = best()
    fake("bwrap", "exit 7", tmp_path, monkeypatch)
    with pytest.raises(SandboxError, match="did not start"):
        sandbox.calls("def f(): pass", "f", [[]], QUICK)


def test_a_process_that_cannot_be_confined_is_an_error_and_no_verdict() -> None:
    """A filter that the kernel does not take: the program must not run without it."""
    broken = replace(best(), filters=Filters(b"\xff" * 8, b"\xff" * 8, b"\xff" * 8, "0"))
    with pytest.raises(SandboxError, match="could not be confined"):
        broken.calls("def f(): return 1", "f", [[]], QUICK)
    with pytest.raises(SandboxError, match="could not be confined"):
        broken.stdio("python", "print(1)", [""], QUICK)


@pytest.mark.parametrize(
    "name", ["python", pytest.param("cpp", marks=pytest.mark.cpp), pytest.param("javascript", marks=pytest.mark.node)]
)
def test_every_language_works_here(name: str) -> None:
    require_language(name, best())
    assert set(LANGUAGES) == {"python", "cpp", "javascript"}


def test_a_missing_compiler_is_found_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(LANGUAGES["cpp"], compile=("no-such-compiler", "{source}"))
    monkeypatch.setitem(languages.LANGUAGES, "cpp", missing)
    with pytest.raises(UserError, match=r"no-such-compiler cannot be run.*install g\+\+"):
        require_language("cpp", best())


def test_a_missing_interpreter_is_found_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = replace(LANGUAGES["javascript"], run=("no-such-interpreter", "{source}"))
    monkeypatch.setitem(languages.LANGUAGES, "javascript", missing)
    with pytest.raises(UserError, match=r"no-such-interpreter cannot be run.*install Node\.js"):
        require_language("javascript", best())


def test_another_interpreted_language_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = languages.Language("sh", ("sh",), "program.sh", "echo hello\n", "install a shell", run=("sh", "{source}"))
    monkeypatch.setitem(languages.LANGUAGES, "sh", shell)
    require_language("sh", best())


@pytest.mark.cpp
def test_another_language_is_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    c = languages.Language(
        name="c",
        fences=("c",),
        file_name="program.c",
        hello='#include <stdio.h>\nint main(void) { puts("hello"); }\n',
        install="install gcc",
        compile=("gcc", "-x", "c", "-o", "{binary}", "{source}"),
    )
    monkeypatch.setitem(languages.LANGUAGES, "c", c)
    require_language("c", best())


def test_an_unknown_language_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'python'"):
        best().stdio("pyton", "", [""], Limits())


@pytest.mark.bwrap
def test_tools_outside_of_path_are_found_in_the_systems_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as in a service with a PATH of its own: the sandbox works there, and its version is known."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert re.fullmatch(r"\d[\d.]+", versions(1)["bwrap"])
