"""Memory that runs out ends a run, a measurement or a run of a sweep in one line that says what to set."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import SMALL, command, finished, small_run
from transformers import AutoModelForCausalLM

from sdzero_bench.cli.app import main
from sdzero_bench.core.out_of_memory import OutOfMemoryError, memory_for
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies.engines.transformers_engine import TransformersEngine
from sdzero_bench.policies.loading import load_model

TOO_MUCH = 1 << 60
"""Bytes, more than any machine has addresses for."""

HUGE_ADAPTERS = "lora.rank=1000000000000"
"""The same by a setting: training allocates them when it begins."""


def allocate(*_: Any, **__: Any) -> None:
    torch.empty(TOO_MUCH, dtype=torch.uint8)


def on_a_gpu(*_: Any, **__: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.18 GiB.")


def said_by(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The only line of a command that is refused in this process."""
    monkeypatch.setattr(sys, "argv", ["sdzero-bench", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sdzero-bench: ")]
    return line


def test_while_sampling(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr(TransformersEngine, "generate", allocate)
    said = said_by(small_run("rft", tmp_path)[3:], monkeypatch, capsys)
    assert (
        "out of memory while sampling for rft.sample, which asked for 1152921504606846976 bytes more: lower sampling.b" in said
    )
    assert "--resume keeps a run's settings: start a new run" in said


def test_while_measuring(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr(TransformersEngine, "generate", on_a_gpu)
    model = "package:sdzero_bench.tasks/micro_world/sums_and_programs"
    said = said_by(
        ["eval", model, "--task", "micro-arith", "--k", "1", "--limit", "2", "--out", str(tmp_path)], monkeypatch, capsys
    )
    assert "out of memory while sampling for evaluation.base, which asked for 20.00 GiB more: lower sampling.batch_size" in said


def test_while_training(tmp_path: Path) -> None:
    done = finished(small_run("rft", tmp_path, HUGE_ADAPTERS))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    assert "out of memory while training rft, which asked for " in line
    assert "lower optimizer.micro_batch_size, or set optimizer.gradient_checkpointing=true, a small lora.rank" in line
    (folder,) = tmp_path.iterdir()  # the samples are kept
    assert line.endswith(f"Nothing is lost; resume with: sdzero-bench run --resume {folder}")
    assert "Traceback" not in done.stderr


def test_in_a_sweep(tmp_path: Path) -> None:
    settings = [part for text in (*SMALL, HUGE_ADAPTERS) for part in ("--set", text)]
    arguments = command("sweep", "--methods", "rft", "--seeds", "1", "--out", str(tmp_path), *settings)
    done = finished(arguments)
    assert done.returncode == 1
    assert "2 runs: 1 done, 1 failed" in done.stdout + done.stderr
    (log,) = tmp_path.glob("logs/rft-*.log")
    assert log.read_text().splitlines()[-1].startswith("out of memory while training rft, which asked for ")
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("failing", [allocate, on_a_gpu, OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryError()])
def test_while_loading(failing: Any, micro_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> None:
        if isinstance(failing, Exception):
            raise failing
        failing()

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    with pytest.raises(
        OutOfMemoryError, match=r"out of memory while loading '.*sums_and_programs'.*: set model\.dtype=bfloat16"
    ):
        load_model(micro_path, ModelConfig(name="micro"))


def test_the_innermost_says_what_was_being_done_and_other_errors_pass() -> None:
    with (
        pytest.raises(OutOfMemoryError, match="while sampling") as raised,
        memory_for("training", ""),
        memory_for("sampling", ""),
    ):
        allocate()
    assert "while training" not in str(raised.value)
    with pytest.raises(RuntimeError, match="shapes do not match"), memory_for("training", ""):
        raise RuntimeError("shapes do not match")
    with pytest.raises(FileNotFoundError), memory_for("loading", ""):
        raise FileNotFoundError(errno.ENOENT, "no such file")
