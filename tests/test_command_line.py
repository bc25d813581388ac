"""The command line as a user meets it: what is wrong is one line and exit code 2, and nothing is left behind."""

from __future__ import annotations

import itertools
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import SAVING, command, finished, run_json, small_run
from synthetic_records import write_record

from sdzero_bench.cli.commands.executing import next_commands
from sdzero_bench.core.reaching_the_hub import hub_is_reachable
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.packing import pack
from sdzero_bench.runs.ended_early import program
from sdzero_bench.testing.forked import Forked
from sdzero_bench.training.callbacks import read_steps
from tools.torture.small_settings import options


def refused(arguments: list[str], cwd: Path | None = None) -> str:
    """Run, expect a refusal in one line, and return it."""
    done = finished(arguments, cwd)
    assert done.returncode == 2, done.stderr[-2000:]
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    assert len(lines) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == lines[0]
    assert "Traceback" not in done.stderr
    return lines[0]


def test_help_answers_at_once() -> None:
    """In seconds of the processor, which other programs do not lengthen as much."""
    times = []
    for _ in range(3):
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command("--help"), capture_output=True, text=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(ended.ru_utime - started.ru_utime + ended.ru_stime - started.ru_stime)
        assert "run --method sdzero" in done.stdout
    assert min(times) < 0.5


def test_short_forms_and_the_version() -> None:
    assert finished(command("-V"), check=True).stdout == finished(command("--version"), check=True).stdout
    assert re.fullmatch(r"sdzero-bench \d+\.\d+\.\d+ \(bench version \d+\.\d+\)\n", finished(command("-V")).stdout)
    assert finished(command("report", "-h"), check=True).stdout == finished(command("report", "--help"), check=True).stdout


@pytest.mark.parametrize(("name", "expected"), [("methods", "sdzero"), ("tasks", "micro-arith"), ("presets", "micro")])
def test_lists(name: str, expected: str) -> None:
    assert expected in subprocess.run(command(name), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "sdzero-bench run --method sdzero"),
        (["--preset", "mikro"], "did you mean 'micro'"),
        (["--task", "micro-arth", "--set", "method.samples=5"], "did you mean 'micro-arith'"),
        (["--set", "optimizer.lr=1"], "did you mean 'optimizer.learning_rate'"),
        (["--model", "./no/such/model"], "no model directory"),
        (["--methods", "rft,grpo"], "sdzero-bench sweep --methods rft,grpo"),
        (["--method", "rft", "--tasks", "micro-arith,micro-code"], "sdzero-bench sweep --tasks micro-arith,micro-code"),
        (["--method", "rft", "--limit", "1001"], "which has 600"),
        (["--method", "sdzerro"], "did you mean 'sdzero'"),
        (["--method", "sft", "--set", "engine.name=vllm"], "engine.name=vllm needs vLLM, which is not installed"),
        (["--method", "rft", "--task", "micro-arth"], "did you mean 'micro-arith'"),
        (["--method", "rft", "--preset", "mikro"], "did you mean 'micro'"),
        (["--method", "rft", "--set", "optimizer.learnin_rate=1"], "did you mean 'optimizer.learning_rate'"),
        (["--method", "rft", "--set", "optimizer.learning_rate=2"], "less than 1"),
        (["--method", "rft", "--model", "./no/such/model"], "no model directory"),
        (
            ["--method", "rft", "--set", "method.samples=5"],
            "needs 5000 samples (rft.sample 5000), but the budget allows 4000",
        ),
        (["--method", "sdzero", "--set", "questions.train=2", "--set", "method.srt_share=0.1"], "too few"),
        (["--method", "rft", "--set", "sampling.max_new_tokens=5000"], "but the model reads 1024"),
        (["--method", "rft", "--set", "budget.training_tokens=1"], "trains on 1 sequences of at least"),
        (["--method", "grpo", "--set", "budget.training_tokens=9999"], "but budget.training_tokens allows 9999; raise it"),
        (["--resume", "nowhere"], "the folder 'nowhere' does not exist"),
        (["--resume", ".", "--method", "rft"], "is not a run folder: manifest.json is missing"),
        (["--method", "rft", "--task", "gsm8k", "--set", "task.path=nowhere"], "there is no question file"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert message in refused(command("run", *arguments), cwd=tmp_path)
    assert list(tmp_path.rglob("*.json*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reprt"], "no such command 'reprt'; did you mean report?"),
        (["run", "--learning-rate", "3"], "--set optimizer.learning_rate=VALUE"),
        (["run", "--temperature", "1"], "--set evaluation.temperature=VALUE or --set sampling.temperature=VALUE"),
        (["run", "--qqq", "1"], "`sdzero-bench config show` for settings"),
        (["run", "--sedd", "1"], "did you mean --seed?"),
        (["run", "rft"], "did you mean --method rft?"),
        (["run", "micro-code"], "did you mean --task micro-code?"),
        (["run", "--seed", "one"], "invalid value for '--seed'"),
        (["run", "--method"], "'--method' requires an argument"),
        (["eval", "m", "--harness", "x"], "'--harness': 'x' is not one of 'lm-eval', 'evalplus'"),
        (["pack", "runs"], "missing option '--out'; see sdzero-bench pack --help"),
        (["compare", "a", "b", "c", "d"], "unexpected argument 'c d'"),
        (["tasks", "chek"], "did you mean check?"),
    ],
)
def test_a_wrong_call_is_one_line_with_what_to_type_instead(arguments: list[str], message: str) -> None:
    assert message in refused(command(*arguments))


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    called = shlex.join(command("run", "--method", "sft"))
    done = subprocess.run(
        f"rmdir {tmp_path} && {called}", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "sdzero-bench: the working directory no longer exists; change to one that does\n"


def test_limited_runs_are_recorded_as_such_and_have_a_leaderboard_of_their_own(tmp_path: Path) -> None:
    settings = options("evaluation.samples=1", "evaluation.pass_at=1", "evaluation.revise=false")
    base = command("run", "--method", "base", "--preset", "tiny", "--out", str(tmp_path), "--json", *settings)
    for limit in ("4", "6"):
        result = run_json([*base, "--limit", limit])
        assert result["evaluation"][0]["questions"] == int(limit)
        questions = json.loads((Path(result["folder"]) / "manifest.json").read_text())["config"]["questions"]
        assert (questions["train"], questions["test"]) == (int(limit), int(limit))
    assert "2 leaderboards" in finished(command("report", str(tmp_path)), check=True).stdout


def test_a_finished_run_says_what_to_do_next(tmp_path: Path) -> None:
    done = finished([word for word in small_run("base", tmp_path, "evaluation.revise=false") if word != "--json"], check=True)
    (folder,) = tmp_path.iterdir()
    assert done.stdout.splitlines()[-3:] == next_commands(str(folder)).splitlines()


@pytest.mark.parametrize(
    ("started", "on_path", "typed"),
    [
        ("/somewhere/.venv/bin/sdzero-bench", False, ".venv/bin/sdzero-bench"),
        ("/somewhere/.venv/bin/sdzero-bench", True, "sdzero-bench"),
        ("/lib/sdzero_bench/__main__.py", False, "sdzero-bench"),
    ],
)
def test_what_is_to_be_typed_works_without_the_path(
    started: str, on_path: bool, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    monkeypatch.setattr(shutil, "which", lambda name: started if on_path else None)
    monkeypatch.setattr(os, "getcwd", lambda: "/somewhere")
    assert program() == typed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--model", "nobody/no-model"), "the Hugging Face Hub cannot be reached"),
        (("--task", "math500"), "give a local copy with --set task.path="),
        (("--task", "humaneval"), "give a local copy with --set task.path="),
    ],
)
def test_without_a_network_a_name_on_the_hub_is_refused_at_once(
    asked: tuple[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one request, and before a folder is named."""
    import datasets
    import requests
    from huggingface_hub import constants

    def unreachable(*_: object, **__: object) -> None:
        requested.append(1)
        raise requests.ConnectionError

    requested: list[int] = []
    hub_is_reachable.cache_clear()
    monkeypatch.setattr(requests, "head", unreachable)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    began = time.monotonic()
    assert said in refused(command("run", "--method", "rft", *asked), cwd=tmp_path)
    assert requested == [1]
    assert time.monotonic() - began < 30
    assert not (tmp_path / "runs").exists()
    hub_is_reachable.cache_clear()


def test_a_malformed_question_file_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"question": "1+1?", "answer": "#### 2"}\nnonsense\n')
    (tmp_path / "test.jsonl").write_text('{"question": "1+2?", "answer": "#### 3"}\n')
    said = refused(command("run", "--method", "rft", "--task", "gsm8k", "--set", f"task.path={tmp_path}"))
    assert "train.jsonl', line 2: not JSON" in said


def test_an_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write the run folder" in refused(command("run", "--method", "base", "--out", str(tmp_path / "file" / "x")))


def test_too_little_space_is_said_before_the_first_sample(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    with pytest.raises(Exception, match="make room"):
        folder.require_space(shutil.disk_usage(tmp_path).total * 2)


def forked_until(condition: Callable[[], bool], arguments: list[str], output: Path) -> Forked:
    """A run that has come as far as the condition."""
    process = Forked(arguments[len(command()) :], output)
    assert process.wait_for(condition), f"the run ended before it was to be interrupted: {process.stderr[-2000:]}"
    return process


def lines_in(folder: Path, pattern: str) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.glob(f"*/{pattern}"))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_says_how_to_resume(tmp_path: Path, sent: signal.Signals) -> None:
    out = tmp_path / "runs"
    process = forked_until(lambda: lines_in(out, "journal/*.jsonl") > 0, small_run("rft", out), tmp_path)
    # As a terminal does, to the workers too; a cluster asks the run alone.
    (os.killpg if sent == signal.SIGINT else os.kill)(process.pid, sent)
    assert process.wait() == 130
    said = process.stderr
    (folder,) = out.iterdir()
    assert said.splitlines()[-1].endswith(f"resume with: sdzero-bench run --resume {folder}")
    assert "Traceback" not in said


def test_interrupting_the_training_of_a_method_that_draws_no_samples_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    process = forked_until(lambda: lines_in(out, "training/sft.jsonl") > 1, small_run("sft", out, SAVING), tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    (folder,) = out.iterdir()
    said = process.stderr
    assert said.splitlines()[-1].endswith(f"resume with: sdzero-bench run --resume {folder}")
    assert list(folder.glob("checkpoints/.sft.trainer/checkpoint-*"))


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("grpo", ("method.updates=2",)),
        # An EMA teacher, groups of rollouts, adapters.
        pytest.param("sdpo", ("lora.rank=4",), marks=pytest.mark.slow),
        pytest.param(
            "sdft",
            ("method.epochs=2", "method.teacher.weights=sync_on_plateau", "method.teacher.patience=2"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_on_policy_training_that_is_killed_ends_as_it_would_have(tmp_path: Path, method: str, more: tuple[str, ...]) -> None:
    """Killed after some steps and resumed: the same weights, samples, tokens and figures."""
    settings = ("evaluation.revise=false", "evaluation.base=false", SAVING, *more)
    whole = run_json(small_run(method, tmp_path / "whole", *settings))
    cut = tmp_path / "cut"
    arguments = small_run(method, cut, *settings)
    forked_until(lambda: lines_in(cut, f"training/{method}.jsonl") > 3, arguments, tmp_path).kill()
    (folder,) = cut.iterdir()
    resumed = run_json(command("run", "--resume", str(folder), "--json"))
    (one,) = (tmp_path / "whole").iterdir()
    file = Path("checkpoints", method, "model.safetensors")
    assert (one / file).read_bytes() == (folder / file).read_bytes()
    assert resumed["evaluation"] == whole["evaluation"]
    counts = [{k: v for k, v in r["ledger"][method].items() if not k.endswith("seconds")} for r in (whole, resumed)]
    assert counts[0] == counts[1]


def test_a_packed_record_is_not_resumed(tmp_path: Path) -> None:
    record = pack(write_record(tmp_path / "runs" / "rft-s0"), tmp_path / "records")
    before = sorted((path, path.stat().st_mtime_ns) for path in record.rglob("*"))
    assert "only a run's own folder can be resumed" in refused(command("run", "--resume", str(record)))
    assert sorted((path, path.stat().st_mtime_ns) for path in record.rglob("*")) == before


@pytest.mark.parametrize("arguments", [("report", "--out", "/proc/none"), ("pack", "--out", "/proc/none")])
def test_an_unwritable_out_is_one_line(tmp_path: Path, arguments: tuple[str, str, str]) -> None:
    write_record(tmp_path / "rft-s0")
    name, *options = arguments
    assert "/proc/none" in refused(command(name, str(tmp_path), *options))


def test_a_sweep_refuses_settings_that_it_decides_itself() -> None:
    assert "use --seeds" in refused(command("sweep", "--methods", "rft", "--set", "seed=4"))


def has_booked(runs: Path, phase: str) -> bool:
    return any(phase in json.loads(ledger.read_text()) for ledger in runs.glob("*/ledger.json"))


@pytest.mark.parametrize("kills", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_ends_as_it_would_have(tmp_path: Path, kills: int) -> None:
    """SIGKILL in the phases of SD-Zero; the resumed run has the same samples, weights, ledger and figures."""
    more = ("evaluation.revise=false", "method.srt.epochs=1", "method.distill.epochs=4", SAVING)
    whole = run_json(small_run("sdzero", tmp_path / "whole", *more))
    cut = tmp_path / "cut"
    moments = {
        "while sampling first responses": lambda: lines_in(cut, "journal/srt.initial.jsonl") > 0,
        "while sampling revisions": lambda: lines_in(cut, "journal/srt.revision.jsonl") > 0,
        "while fine-tuning": lambda: lines_in(cut, "training/srt.jsonl") > 1 and has_booked(cut, "srt"),
        "while distilling": lambda: lines_in(cut, "training/distill.jsonl") > 0,
        "later in distillation": lambda: lines_in(cut, "training/distill.jsonl") > 2,
        "while measuring": lambda: lines_in(cut, "journal/evaluation.srt.jsonl") > 0,
    }
    arguments = small_run("sdzero", cut, *more)
    booked: list[dict[str, dict[str, float]]] = []
    reached_by = list(moments.values())[:: len(moments) // kills]  # sampling, fine-tuning and distilling, or all of them
    for reached in reached_by:
        forked_until(reached, arguments, tmp_path).kill()
        (folder,) = cut.iterdir()
        arguments = command("run", "--resume", str(folder), "--json")
        ledger = folder / "ledger.json"  # the first kill may come before it is there
        booked.append(json.loads(ledger.read_text()) if ledger.exists() else {})
    resumed = run_json(arguments)

    (one,), (other,) = ((tmp_path / name).iterdir() for name in ("whole", "cut"))
    phases = sorted(path.name for path in (one / "journal").iterdir())
    assert phases == sorted(path.name for path in (other / "journal").iterdir())
    for phase in phases:
        rows = [sorted((folder / "journal" / phase).read_text().splitlines()) for folder in (one, other)]
        assert rows[0] == rows[1], phase
    for checkpoint in ("srt", "distill"):
        file = Path("checkpoints", checkpoint, "model.safetensors")
        assert (one / file).read_bytes() == (other / file).read_bytes(), checkpoint
    assert resumed["evaluation"] == whole["evaluation"]
    for phase, use in whole["ledger"].items():
        counts = {key: value for key, value in use.items() if not key.endswith("seconds")}
        assert {key: resumed["ledger"][phase][key] for key in counts} == counts, phase
    sessions = json.loads((other / "manifest.json").read_text())["sessions"]
    assert len(sessions) == kills + 1
    for before, after in itertools.pairwise([*booked, resumed["ledger"]]):
        assert all(after[phase]["wall_seconds"] >= use["wall_seconds"] for phase, use in before.items())
    assert booked[kills // 3]["srt"]["wall_seconds"] > 0, "the seconds of a session that was killed while it trained"
    tokens = [[step["num_tokens"] for step in read_steps(folder / "training/srt.jsonl")] for folder in (one, other)]
    assert tokens[0] == tokens[1]
    leftovers = [p for p in other.rglob("*") if ".trainer" in p.name or ".partial" in p.name]
    assert leftovers == []
