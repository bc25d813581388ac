"""Whole runs that sample with vLLM: make test-vllm."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from small_runs import SAVING, command, launched, run_json, small_run

from sdzero_bench.runs.launchers.processes import Sharding


@pytest.mark.vllm
@pytest.mark.parametrize(("method", "trained"), [("sdzero", "distill"), ("grpo", "grpo")])
def test_a_run_with_vllm_that_is_killed_ends_as_it_would_have(method: str, trained: str, tmp_path: Path) -> None:
    """Sampling from checkpoints and from the policy of each step, in one process with its training."""
    settings = ["engine.name=vllm", "evaluation.revise=false", SAVING]
    whole = run_json(small_run(method, tmp_path / "whole", *settings))
    expected = journal(Path(whole["folder"]))
    assert {row["engine"].split()[0] for row in expected} == {"vllm"}
    killed = small_run(method, tmp_path / "killed", *settings)
    process = subprocess.Popen(killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "killed").glob(f"*/journal/{trained}.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    (folder,) = (tmp_path / "killed").iterdir()
    resumed = run_json(command("run", "--resume", str(folder), "--json"))
    assert resumed["evaluation"] == whole["evaluation"]
    assert journal(folder) == expected


@pytest.mark.vllm
@pytest.mark.parametrize(("dtype", "drift"), [("float32", 1e-4), ("bfloat16", 0.1)])
def test_a_run_logs_how_far_the_samplers_probabilities_are_from_the_trainers(dtype: str, drift: float, tmp_path: Path) -> None:
    """Training is in float32 in both cases; the weights are cast when they are handed over."""
    settings = ["engine.name=vllm", f"engine.dtype={dtype}", "evaluation.revise=false", "evaluation.base=false"]
    folder = Path(run_json(small_run("grpo", tmp_path, *settings))["folder"])
    ratios = [json.loads(line)["sampler_ratio"] for line in (folder / "training" / "grpo.jsonl").read_text().splitlines()]
    assert max(abs(ratio - 1) for ratio in ratios) < drift
    assert (max(abs(ratio - 1) for ratio in ratios) > 1e-4) == (dtype == "bfloat16")
    assert json.loads((folder / "manifest.json").read_text())["sampling_dtype"] == dtype


@pytest.mark.vllm
@pytest.mark.parametrize("launcher", ["ddp", pytest.param("fsdp2", marks=pytest.mark.slow)])
def test_two_processes_have_an_engine_each_and_draw_the_samples_of_one(launcher: Sharding, tmp_path: Path) -> None:
    """Of policies in training as well, whose weights both engines follow."""
    settings = [
        "engine.name=vllm",
        "evaluation.revise=false",
        "evaluation.base=false",
        "method.epochs=1",
        "method.teacher.weights=frozen",
    ]
    one = run_json(small_run("sdft", tmp_path / "one", *settings))
    two = run_json(launched(launcher, *small_run("sdft", tmp_path / "two", *settings)[4:]))
    assert journal(Path(two["folder"])) == journal(Path(one["folder"]))
    assert two["evaluation"] == one["evaluation"]
    ratios = [json.loads(line)["sampler_ratio"] for line in (Path(two["folder"]) / "training" / "sdft.jsonl").open()]
    assert ratios == pytest.approx([1.0] * len(ratios), abs=1e-4)


def journal(folder: Path) -> list[dict[str, Any]]:
    """Every sample, in an order that does not depend on the process that drew it."""
    rows = [json.loads(line) for file in (folder / "journal").glob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(rows, key=lambda row: (row["phase"], row["question_id"], row["index"]))
