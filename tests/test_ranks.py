"""Runs of two processes: the same questions, samples, totals and losses as in one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file
from small_runs import SAVING, launched, run_json, small_run

from sdzero_bench.core.distributed import Ranks, require_supported
from sdzero_bench.core.errors import UserError
from sdzero_bench.records.journal import Journal
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.launchers.processes import Sharding
from sdzero_bench.training.supervised import Example, supervised_trainer

BRIEF = ("evaluation.revise=false",)
TORN = (*BRIEF, "method.group_size=8", "budget.samples_per_question=8")
"""Groups that are shared by the processes."""
SHORT = ("evaluation.revise=false", "method.srt.epochs=1", "method.distill.epochs=1")


def folder_in(path: Path) -> Path:
    (folder,) = path.iterdir()
    return folder


def check_alike(one: Path, two: Path) -> None:
    """Journals to the last sample, logged losses and weights within rounding."""
    journals = [Journal(run / "journal").phases for run in (one, two)]
    assert journals[0] == journals[1]
    assert [list(samples) for samples in journals[0].values()] == [list(samples) for samples in journals[1].values()]
    logs = sorted(path.name for path in (one / "training").glob("*.jsonl"))
    assert logs == sorted(path.name for path in (two / "training").glob("*.jsonl"))
    for name in logs:
        steps = [[json.loads(line) for line in (run / "training" / name).read_text().splitlines()] for run in (one, two)]
        assert len(steps[0]) == len(steps[1])
        for a, b in zip(*steps, strict=True):
            for figure in ("loss", "grad_norm", "reward", "rollouts", "backward_tokens", "forward_tokens", "taught"):
                assert (figure in a) == (figure in b)
                assert a.get(figure, 0) == pytest.approx(b.get(figure, 0), rel=1e-3, abs=1e-5), (name, a["step"], figure)
    for checkpoint in (one / "checkpoints").glob("[!.]*"):
        weights = [load_file(run / "checkpoints" / checkpoint.name / "model.safetensors") for run in (one, two)]
        for key, value in weights[0].items():
            # AdamW's first steps are as long for a gradient near 0, whose sign is a matter of rounding, as for any other.
            torch.testing.assert_close(weights[1][key], value, rtol=1e-3, atol=1e-4)


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {phase: {k: v for k, v in use.items() if "seconds" not in k} for phase, use in result["ledger"].items()}


@pytest.mark.parametrize(
    ("launcher", "method", "more"),
    [
        pytest.param("ddp", "sdzero", SHORT, marks=pytest.mark.slow),
        ("ddp", "grpo", TORN),
        # Pairs and their reference policy, advantages of examples, and figures of tokens over both processes.
        pytest.param("ddp", "dpo", (*BRIEF, "optimizer.batch_size=2", "optimizer.micro_batch_size=1"), marks=pytest.mark.slow),
        pytest.param("ddp", "rltf_sd", (*BRIEF, "method.rounds=2", "optimizer.batch_size=4"), marks=pytest.mark.slow),
        pytest.param("ddp", "reinforcepp", (*TORN, "method.updates=2"), marks=pytest.mark.slow),
        pytest.param("ddp", "rlcsd", TORN, marks=pytest.mark.slow),
        pytest.param("ddp", "srpo", TORN, marks=pytest.mark.slow),
        pytest.param(
            "fsdp2",
            "sdzero",
            (*SHORT, SAVING, "method.distill.teacher.weights=ema", "method.distill.teacher.decay=0.5"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_two_processes_do_what_one_does(launcher: Sharding, method: str, more: tuple[str, ...], tmp_path: Path) -> None:
    whole = run_json(small_run(method, tmp_path / "one", *more))
    result = run_json(launched(launcher, *small_run(method, tmp_path / "two", *more)[4:]))
    one, two = folder_in(tmp_path / "one"), folder_in(tmp_path / "two")
    sets = {run: {path.name: path.read_bytes() for path in (run / "question_sets").iterdir()} for run in (one, two)}
    assert sets[one] == sets[two]
    assert without_seconds(whole) == without_seconds(result)
    assert whole["evaluation"] == result["evaluation"]
    assert json.loads((two / "manifest.json").read_text())["hardware"]["processes"] == 2
    check_alike(one, two)


@pytest.mark.slow
@pytest.mark.parametrize(("launcher", "teacher"), [("ddp", "ema"), ("fsdp2", "ema")])
def test_two_processes_that_are_interrupted_end_as_they_would_have(launcher: Sharding, teacher: str, tmp_path: Path) -> None:
    more = (SAVING, "evaluation.revise=false", "evaluation.base=false", "method.epochs=2", f"method.teacher.weights={teacher}")
    whole = run_json(launched(launcher, *small_run("sdft", tmp_path / "whole", *more)[4:]))
    arguments = launched(launcher, *small_run("sdft", tmp_path / "cut", *more)[4:])
    process = psutil.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log, until = tmp_path / "cut", time.monotonic() + 200
    while sum(len(path.read_text().splitlines()) for path in log.glob("*/training/sdft.jsonl")) < 4:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    cut = folder_in(tmp_path / "cut")
    if launcher == "ddp":
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1].splitlines()
        assert process.returncode == 130
        wanted = f"sdzero-bench: interrupted. Nothing is lost; resume with: sdzero-bench launch --processes 2 --resume {cut}"
        assert [line for line in said if "sdzero-bench: " in line] == [wanted]
        assert "Traceback" not in "".join(said)
    else:
        for one in [*process.children(recursive=True), process]:
            one.kill()
        process.communicate()
    resumed = run_json(launched(launcher, "--resume", str(cut), "--json"))
    assert without_seconds(resumed) == without_seconds(whole)
    assert resumed["evaluation"] == whole["evaluation"]
    check_alike(folder_in(tmp_path / "whole"), cut)


@pytest.mark.parametrize(
    ("settings", "environment", "said"),
    [
        (["optimizer.batch_size=7"], {}, "cannot be divided evenly among 2 processes; choose a multiple of 2"),
        (["model.device=cuda:1"], {}, "each of 2 processes needs its own"),
        ([], {"ACCELERATE_USE_DEEPSPEED": "true"}, "shard the weights with FSDP2"),
        (["lora.rank=4"], {"ACCELERATE_USE_FSDP": "true"}, "DDP is enough"),
    ],
)
def test_what_is_not_supported_is_refused(
    settings: list[str], environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = resolve("sdzero", assignments=settings)
    require_supported(config, Ranks())
    with pytest.raises(UserError, match=said):
        require_supported(config, Ranks(1, 2))


def test_the_last_batch_is_filled_up_with_nothing_to_learn(tokenizer: Any, micro: Any, tmp_path: Path) -> None:
    examples = [Example((5, 6), (7, 8, 9)), Example((5,), (6, 7)), Example((5, 6, 7), (8,))]
    arguments = {"output_dir": str(tmp_path), "per_device_train_batch_size": 2, "use_cpu": True, "report_to": "none"}
    trainer = supervised_trainer(micro, tokenizer, examples, [2, 0, 1], arguments, processes=2)
    labels = trainer.train_dataset["labels"]
    assert [sum(label != -100 for label in row) for row in labels] == [1, 3, 2, 0]


def test_launchers_are_found_by_name_and_their_files_are_what_accelerate_reads() -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    for name in ("ddp", "fsdp2"):
        done = subprocess.run(
            [sys.executable, "-m", "sdzero_bench", "launchers", name], capture_output=True, text=True, check=True
        )
        assert load_config_from_file(done.stdout.strip()).num_processes == 8
