"""What docs/trust.md says of plug-in methods that cheat: refused, found by `validate`, or taken on trust."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_runs import command, finished, small_run

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.methods.rft import RFT
from sdzero_bench.records.rollouts import Prompt
from sdzero_bench.runs import registry
from sdzero_bench.training.run import Checkpoint, Run
from sdzero_bench.training.supervised import Example


class UnchargedSamples(RFT):
    """Draws with the engine itself, past the journal."""

    name = "uncharged-samples"

    def train(self, run: Run) -> Checkpoint:
        if hasattr(run, "_engines"):  # validate goes through the method too, where there is no engine
            engine = run._engines.of(run.weights(run.base), run.base.path)
            requests = [replace(_request(p), seed=1) for p in run.ask(run.questions, 1)[:16]]
            engine.generate(requests, run.sampling)
        return super().train(run)


class TrainsOnTheTest(RFT):
    """Trains on the test questions, with their gold solutions."""

    name = "test-questions"

    def train(self, run: Run) -> Checkpoint:
        run.sample("rft.sample", run.base, run.ask(run.questions, self.options.samples))
        examples = [
            Example(tuple(run.prompt_ids(q)), tuple(run.encode(str(run.task.demonstration(q))))) for q in run.task.load("test")
        ]
        return run.finetune("rft", run.base, examples, 1)


class AskedTestQuestions(RFT):
    """Draws samples of test questions."""

    name = "asked-test-questions"

    def train(self, run: Run) -> Checkpoint:
        run.sample("rft.sample", run.base, run.ask(run.task.load("test"), 1))
        return run.base


class GoldAnswers(RFT):
    """Trains on gold solutions, and says that it learns from verifier rewards."""

    name = "gold-answers"

    def train(self, run: Run) -> Checkpoint:
        run.sample("rft.sample", run.base, run.ask(run.questions, self.options.samples))
        examples = [Example(tuple(run.prompt_ids(q)), tuple(run.encode(run.demonstration(q)))) for q in run.questions]
        return run.finetune("rft", run.base, examples, 1)


class ForeignCheckpoint(RFT):
    """Returns a policy that this run has not trained."""

    name = "foreign-checkpoint"

    def train(self, run: Run) -> Checkpoint:
        own = super().train(run)
        shutil.copytree(own.path, foreign := run.folder.path / "elsewhere", dirs_exist_ok=True)
        return Checkpoint("better", str(foreign))


class PutInPlace(RFT):
    """Returns a policy from elsewhere under the name of its own."""

    name = "put-in-place"

    def train(self, run: Run) -> Checkpoint:
        own = super().train(run)
        return Checkpoint(own.name, run.base.path)


class KeptAsBase(RFT):
    """Has its policy measured as that of the base."""

    name = "kept-as-base"

    def train(self, run: Run) -> Checkpoint:
        final = super().train(run)
        run.keep("base", final)
        return final


class KeptElsewhere(RFT):
    """Keeps a policy under a label that is a path."""

    name = "kept-elsewhere"

    def train(self, run: Run) -> Checkpoint:
        final = super().train(run)
        run.keep("../../escape", final)
        return final


class Measures(RFT):
    """Draws samples of training questions as if they measured a policy, which are not charged."""

    name = "measures"

    def train(self, run: Run) -> Checkpoint:
        final = super().train(run)
        if hasattr(run, "rollouts"):
            run.trained = True
            run.measure("final", final, run.ask(run.questions, 1), run.sampling, 0, "")
        return final


class ReplacedVerifier(RFT):
    """Every response is right."""

    name = "replaced-verifier"

    def train(self, run: Run) -> Checkpoint:
        if hasattr(run, "rollouts"):

            class Lenient:
                def verify(self, pairs: Sequence[Any]) -> list[Verdict]:
                    return [Verdict(1.0, answer=question.answer) for question, _ in pairs]

            run.rollouts.verifier = Lenient()  # type: ignore[assignment]
        return super().train(run)


class ReplacedEngine(RFT):
    """Samples are what the policy draws with a seed of the method's own choice."""

    name = "replaced-engine"

    def train(self, run: Run) -> Checkpoint:
        if hasattr(run, "_engines"):
            honest = run._engines.of

            def of(policy: Any, weights: str) -> Any:
                engine = honest(policy, weights)
                generate = engine.generate
                engine.generate = lambda requests, p: generate([replace(r, seed=r.seed ^ 1) for r in requests], p)  # type: ignore[method-assign]
                return engine

            run._engines.of = of  # type: ignore[method-assign]
        return super().train(run)


def _request(prompt: Prompt) -> Any:
    from sdzero_bench.core.completion import Request

    return Request(prompt.ids, 0)


def run_of(method: type[RFT], out: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(registry.methods(), method.name, method)
    return finished(small_run(method.name, out, "evaluation.revise=false", "method.samples=2"))


def found(out: Path, *options: str) -> str:
    done = finished(command("validate", str(out), *options, "--jobs", "1", "--json"))
    return "\n".join(finding["text"] for record in json.loads(done.stdout)["records"] for finding in record["findings"])


class Leaves(RFT):
    """Ends the program, as if all were well."""

    name = "leaves"

    def train(self, run: Run) -> Checkpoint:
        super().train(run)
        sys.exit(0)


class LeavesAtOnce(RFT):
    """Ends its process where nothing can catch it."""

    name = "leaves-at-once"

    def train(self, run: Run) -> Checkpoint:
        os._exit(0)


class Cancelled(RFT):
    name = "cancelled"

    def train(self, run: Run) -> Checkpoint:
        super().train(run)
        raise asyncio.CancelledError("by a task")


def test_what_is_no_exception_is_a_fault_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(Cancelled, tmp_path, monkeypatch)
    assert done.returncode == 2
    assert "CancelledError: by a task" in done.stderr
    (manifest,) = tmp_path.glob("*/manifest.json")
    assert json.loads(manifest.read_text())["state"] == "failed"


def test_an_end_that_nothing_can_catch_is_no_success(tmp_path: Path) -> None:
    if (child := os.fork()) == 0:
        with pytest.MonkeyPatch.context() as patch:
            run_of(LeavesAtOnce, tmp_path, patch)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == os.EX_SOFTWARE


def test_a_method_that_ends_the_program_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(Leaves, tmp_path, monkeypatch)
    assert done.returncode == 2
    assert "it ends the program (SystemExit: 0)" in done.stderr
    (manifest,) = tmp_path.glob("*/manifest.json")
    assert json.loads(manifest.read_text())["state"] == "failed"


def test_samples_of_test_questions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(AskedTestQuestions, tmp_path, monkeypatch)
    assert done.returncode != 0
    assert "6 questions are not in the run's question set" in done.stderr


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (
            ForeignCheckpoint,
            "the method 'foreign-checkpoint': 'better' in '{out}/elsewhere' is not a policy that this run has trained",
        ),
        (PutInPlace, "is not a policy that this run has trained"),
        (KeptAsBase, "it keeps a policy as 'base', which is no label that one of its phases declares"),
        (KeptElsewhere, "it keeps a policy as '../../escape', which is no label that one of its phases declares"),
        (Measures, "it has drawn samples of an evaluation, which takes place once training is over"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_the_run_refuses(method: type[RFT], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(method, tmp_path, monkeypatch)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    (folder,) = tmp_path.glob("*/")
    assert said.format(out=folder) in line
    assert not (folder / "evaluation.json").exists()
    again = finished(command("run", "--resume", str(folder)))
    assert again.returncode == 2
    assert said.format(out=folder) in again.stderr


@pytest.mark.parametrize(
    ("method", "options", "finding"),
    [
        (GoldAnswers, [], "manifest.json: supervision: the method reads gold solutions, and says 'verifier rewards'"),
        (ReplacedVerifier, ["--reverify"], "verdicts are not what the verifier says of the text"),
        (ReplacedEngine, ["--replay", "40"], "samples are not what their policy draws with their seed"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_validate_finds(
    method: type[RFT], options: list[str], finding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_of(method, tmp_path, monkeypatch).returncode == 0
    assert finding in found(tmp_path, *options)


class Blinding(ReplacedVerifier):
    """Has `validate`, which goes through it, find nothing."""

    name = "blinding"

    def train(self, run: Run) -> Checkpoint:
        if not hasattr(run, "rollouts"):
            from sdzero_bench.report.audit.reverify import Reverifier

            Reverifier.check = lambda *_: ([], [])  # type: ignore[method-assign]
        return super().train(run)


def test_validate_without_plug_ins_runs_no_code_of_the_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In processes of their own: the method is not known there, as with --without-plug-ins where it is installed."""
    assert run_of(Blinding, tmp_path, monkeypatch).returncode == 0
    options = ["--without-plug-ins", "--reverify", "--replay", "16", "--jobs", "1", "--json"]
    done = subprocess.run(command("validate", str(tmp_path), *options), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (record,) = json.loads(done.stdout)["records"]
    assert any("verdicts are not what the verifier says of the text" in finding["text"] for finding in record["findings"])
    assert any("training was not held against the method" in note for note in record["notes"])
    assert any("16 samples were drawn again" in note for note in record["notes"])


@pytest.mark.parametrize("method", [UnchargedSamples, TrainsOnTheTest], ids=lambda value: value.name)
def test_what_remains_trust(method: type[RFT], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_of(method, tmp_path, monkeypatch)
    assert done.returncode == 0, done.stderr
    assert found(tmp_path) == ""
