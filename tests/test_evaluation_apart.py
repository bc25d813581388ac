"""Evaluation in a process of its own: the same samples, nothing that the method did to its process, and no silent failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from small_runs import command, finished, launched, run_json, small_run

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.methods.rft import RFT
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.rollouts import Rollouts
from sdzero_bench.runs import registry
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.verifiers.pool import VerifierPool
from tools.torture.small_settings import FEW, options

ROOT = Path(__file__).parent.parent
PLUG_IN = """
from sdzero_bench.methods import rft
from sdzero_bench.methods.rft import RFT


class Outside(RFT):
    name = "outside"
"""
DISGUISED = """

Outside.__module__, rft.Outside = rft.__name__, Outside
"""
IMPORTED = """
import sys
from sdzero_bench.runs import registry
registry.method("rft"), registry.task("micro-arith"), registry.task("rg:gcd")
assert "outside" not in sys.modules
assert not registry.is_built_in(registry.method("outside"))
assert registry.is_built_in(registry.method("rft"))
"""


class Outside(RFT):
    """The method rft, from outside of this distribution."""

    name = "outside"


class Disturbing(RFT):
    """Leaves its process in another state than it found it, from now on."""

    name = "disturbing"
    undo: Callable[[], None]

    def train(self, run: Run) -> Checkpoint:
        final = super().train(run)
        patch = pytest.MonkeyPatch()
        patch.setattr(VerifierPool, "verify", lambda _, pairs, each=None: [Verdict(1.0, answer=q.answer) for q, _ in pairs])
        patch.setattr(Rollouts, "draw", lambda *_: [])
        patch.setattr(torch, "multinomial", lambda *_: torch.zeros(1))
        patch.setattr(sys, "path", ["/nowhere"])
        patch.setenv("PATH", "/nowhere")
        patch.setenv("PYTHONPATH", "/nowhere")
        patch.setenv("SDZERO_BENCH_VERDICTS", "/nowhere")
        os.chdir("/")
        Disturbing.undo = patch.undo
        return final


class Curious(RFT):
    """Looks for the test questions in the run's folder."""

    name = "curious"

    def train(self, run: Run) -> Checkpoint:
        ids = {
            line["id"] for file in run.folder.path.rglob("*.jsonl") for line in map(json.loads, file.open()) if "text" in line
        }
        assert {question.id for question in run.questions} == ids
        return super().train(run)


class Wandering(RFT):
    """Works in another directory."""

    name = "wandering"

    def train(self, run: Run) -> Checkpoint:
        os.chdir(run.folder.path.absolute().parent.parent)
        return super().train(run)


class Failing(RFT):
    """Draws samples, and fails."""

    name = "failing"

    def train(self, run: Run) -> Checkpoint:
        super().train(run)
        raise RuntimeError("no policy")


class Unloadable(RFT):
    """Returns a policy whose weights cannot be read."""

    name = "unloadable"

    def train(self, run: Run) -> Checkpoint:
        final = super().train(run)
        next(Path(final.path).glob("*.safetensors")).write_bytes(b"no weights")
        return final


class Deadly(RFT):
    """Kills the process that evaluates, as the system does if memory runs out."""

    name = "deadly"

    def train(self, run: Run) -> Checkpoint:
        import threading

        before = psutil.Process().children()

        def kill() -> None:
            while not (
                new := [
                    p for p in psutil.Process().children() if p not in before and "resource_tracker" not in str(p.cmdline())
                ]
            ):
                time.sleep(0.05)
            new[0].kill()

        final = super().train(run)
        threading.Timer(0.5, kill).start()
        return final


def run_of(
    method: type[RFT], out: Path, monkeypatch: pytest.MonkeyPatch, *assignments: str
) -> subprocess.CompletedProcess[str]:
    monkeypatch.setitem(registry.methods(), method.name, method)
    return finished(small_run(method.name, out, "method.samples=2", *assignments))


def folder_in(out: Path) -> Path:
    (folder,) = (path.parent for path in out.glob("*/manifest.json"))
    return folder


def measured(out: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All that was drawn for measurements, in order."""
    return {
        phase: [(s.question_id, s.index, s.seed, s.token_ids, s.text, s.verdict) for s in samples.values()]
        for phase, samples in Journal(folder_in(out) / "journal").phases.items()
        if measures(phase)
    }


CURVE = ("evaluation.curve_questions=4", "evaluation.curve_at=[0.5,1]", "evaluation.localise=3", "evaluation.kl=2")


def test_the_samples_are_those_of_an_evaluation_in_the_same_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that can be measured: revision, learning curve, localisation, and the divergence from the base."""
    inside = run_json(small_run("rft", tmp_path / "inside", "method.samples=2", *CURVE))
    monkeypatch.setitem(registry.methods(), "outside", Outside)
    done = finished(small_run("outside", tmp_path / "apart", "method.samples=2", *CURVE), check=True)
    apart = json.loads(done.stdout)
    assert measured(tmp_path / "apart") == measured(tmp_path / "inside")
    assert len(measured(tmp_path / "apart")) > 4
    for a, b in zip(apart["evaluation"], inside["evaluation"], strict=True):
        assert a | {"checkpoint": ""} == b | {"checkpoint": ""}
    used = [
        {phase: use["generated_tokens"] for phase, use in one["ledger"].items() if measures(phase)} for one in (apart, inside)
    ]
    assert used[0] == used[1]
    assert all(use["wall_seconds"] > 0 for phase, use in apart["ledger"].items() if measures(phase))
    bars = [line.split()[0] for line in done.stderr.splitlines() if "12/12 samples" in line]
    assert bars == ["evaluation.base", "evaluation.base.revision", "evaluation.final", "evaluation.final.revision"]
    done = finished(command("validate", str(tmp_path), "--reverify", "--replay", "20", "--json", "--jobs", "1"))
    assert done.returncode == 0, done.stdout


def test_what_a_method_does_to_its_process_does_not_reach_the_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(small_run("rft", tmp_path / "rft", "method.samples=2"), check=True)
    here = Path.cwd()
    try:
        done = run_of(Disturbing, tmp_path / "disturbing", monkeypatch)
    finally:
        Disturbing.undo()
    assert done.returncode == 0, done.stderr
    assert Path.cwd() == here
    assert measured(tmp_path / "disturbing") == measured(tmp_path / "rft")


def test_the_test_questions_are_not_in_the_folder_while_the_method_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_of(Curious, tmp_path, monkeypatch)
    assert done.returncode == 0, done.stderr
    assert len(list((folder_in(tmp_path) / "question_sets").glob("*.jsonl"))) == 2


def test_a_method_may_work_in_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (start := tmp_path / "start" / "here").mkdir(parents=True)
    monkeypatch.setitem(registry.methods(), "wandering", Wandering)
    done = finished(small_run("wandering", Path("runs"), "method.samples=2"), cwd=start)
    assert done.returncode == 0, done.stderr
    folder = json.loads(done.stdout)["folder"]
    assert not Path(folder).is_absolute()
    assert finished(command("validate", str(start / folder))).returncode == 0
    assert [path.name for path in tmp_path.rglob("journal")] == ["journal"]


def test_a_run_that_has_not_written_its_test_questions_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_of(Failing, tmp_path, monkeypatch).returncode == 1
    done = finished(command("inspect", str(folder_in(tmp_path)), "--wrong", "--limit", "1"), check=True)
    assert "gold" in done.stdout
    assert "has not written its questions" not in done.stdout


def test_an_error_of_its_own_is_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(Unloadable, tmp_path, monkeypatch)
    assert done.returncode != 0
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    assert "no model could be loaded from" in said
    manifest = json.loads((folder_in(tmp_path) / "manifest.json").read_text())
    assert manifest["state"] == "failed"
    assert "no model could be loaded from" in manifest["failure"]


def test_questions_that_change_while_the_method_trains_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "questions.jsonl"
    rows = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(30)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    class Changes(RFT):
        name = "changes"

        def train(self, run: Run) -> Checkpoint:
            file.write_text(file.read_text().replace('"answer": "4"', '"answer": "5"').replace('"58"', '"59"'))
            return super().train(run)

    monkeypatch.setitem(registry.methods(), "changes", Changes)
    settings = options(*FEW, "method.samples=2", "task.test=0.2", "questions.train=16", "questions.test=6")
    done = finished(command("run", "--method", "changes", "--task", f"file:{file}", "--out", str(tmp_path / "runs"), *settings))
    assert done.returncode == 2
    assert "the test questions have changed since the run began" in done.stderr


def test_a_process_that_was_killed_is_said_to_be_and_the_run_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(Deadly, tmp_path, monkeypatch)
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    assert "the process that evaluates has ended (exit code -9)" in said
    assert f"run --resume {folder_in(tmp_path)}" in said
    monkeypatch.setattr(Deadly, "train", RFT.train)
    assert finished(command("run", "--resume", str(folder_in(tmp_path)))).returncode == 0


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """The environment of processes that find the plug-in."""
    site = tmp_path / "site"
    about = site / "outside-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "outside.py").write_text(PLUG_IN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[sdzero_bench.methods]\noutside = outside:Outside\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT), str(ROOT / "tests")])}


def test_no_plug_in_is_imported_for_what_is_built_in_and_none_passes_as_such(installed: dict[str, str]) -> None:
    """Even one that says that it is from a module of this distribution."""
    (Path(installed["PYTHONPATH"].split(os.pathsep)[0]) / "outside.py").write_text(PLUG_IN + DISGUISED)
    subprocess.run([sys.executable, "-c", IMPORTED], env=installed, check=True)


@pytest.mark.parametrize("ending", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_it_ends_with_its_run_which_resumes(ending: signal.Signals, installed: dict[str, str], tmp_path: Path) -> None:
    more = ("method.samples=2", "task.test=20", "evaluation.samples=8", "evaluation.revise=false")
    arguments = small_run("outside", tmp_path / "runs", *more)
    process = subprocess.Popen(arguments, env=installed, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    while not list(tmp_path.glob("runs/*/journal/evaluation.base.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(ending)
    said = process.communicate(timeout=60)[1]
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    if ending == signal.SIGTERM:
        assert process.returncode == 130
        assert said.splitlines()[-1].startswith("sdzero-bench: interrupted. Nothing is lost; resume with: ")
    folder = folder_in(tmp_path / "runs")
    assert not (folder / "evaluation.json").exists()
    subprocess.run(command("run", "--resume", str(folder)), env=installed, check=True, capture_output=True)
    finished(small_run("rft", tmp_path / "rft", *more), check=True)
    assert measured(tmp_path / "runs") == measured(tmp_path / "rft")


@pytest.mark.slow
def test_each_of_several_processes_has_its_own(installed: dict[str, str], tmp_path: Path) -> None:
    arguments = launched("ddp", *small_run("outside", tmp_path / "two", "method.samples=2")[4:])
    subprocess.run(arguments, env=installed, check=True, capture_output=True)
    finished(small_run("rft", tmp_path / "one", "method.samples=2"), check=True)
    assert measured(tmp_path / "two").keys() == measured(tmp_path / "one").keys()
    assert measured(tmp_path / "two")["evaluation.base"] == measured(tmp_path / "one")["evaluation.base"]
