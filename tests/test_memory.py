"""Memory that runs out ends a run, a measurement or a run of a sweep in one line that says what to set."""

from __future__ import annotations

import errno
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import SMALL, command, finished, small_run
from transformers import AutoModelForCausalLM

from sdzero_bench.cli.app import main
from sdzero_bench.core.out_of_memory import OutOfMemoryError, memory_for
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies.engines.transformers_engine import TransformersEngine
from sdzero_bench.policies.loading import load_model
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.session import Session

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
    model = "package:sdzero_bench.tasks/micro_world/slips"
    said = said_by(
        ["eval", model, "--task", "micro-arith", "--k", "1", "--limit", "2", "--out", str(tmp_path)], monkeypatch, capsys
    )
    assert "out of memory while sampling for evaluation.base, which asked for 20.00 GiB more: lower sampling.batch_size" in said


def test_while_training(tmp_path: Path) -> None:
    done = finished(small_run("rft", tmp_path, HUGE_ADAPTERS))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    assert "out of memory while training rft, which asked for " in line
    assert "lower optimizer.micro_batch_size, or set optimizer.gradient_checkpointing=true" in line
    (folder,) = tmp_path.iterdir()  # the samples are kept
    assert line.endswith(f"Nothing is lost; resume with: sdzero-bench run --resume {folder}")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
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
    with pytest.raises(OutOfMemoryError, match=r"out of memory while loading '.*slips'.*: use a smaller model, or shard it"):
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


def test_between_phases_only_the_policy_that_is_needed_is_in_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A trainer, its model and its optimizer are a reference cycle, which outlives its phase unless it is collected."""
    loaded: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def load(*arguments: Any) -> Any:
        alive.append(sum(model() is not None for model in loaded))
        model = load_model(*arguments)
        loaded.append(weakref.ref(model))
        return model

    for module in ("run", "sampling_run"):  # of teachers, and of all other models
        monkeypatch.setattr(f"sdzero_bench.training.{module}.load_model", load)
    monkeypatch.setattr(sys, "argv", ["sdzero-bench", *small_run("sdzero", tmp_path, "evaluation.revise=false")[3:]])
    with pytest.raises(SystemExit, match=r"^0$"):
        main()
    capsys.readouterr()
    # A teacher loads beside its student; anything else, when no other model is in memory.
    assert sorted(alive) == [0] * (len(alive) - 1) + [1]
    assert len(alive) >= 5


@pytest.mark.parametrize(
    ("method", "settings", "warned"),
    [
        ("rft", ["model.dtype=bfloat16"], True),
        ("rft", [], False),
        ("rft", ["model.dtype=bfloat16", "lora.rank=2"], False),
        ("base", ["model.dtype=bfloat16"], False),
    ],
)
def test_training_weights_in_bfloat16_is_warned_of(tmp_path: Path, method: str, settings: list[str], warned: bool) -> None:
    said = Session(resolve(method, assignments=settings), ProgressDisplay()).describe(RunFolder(tmp_path))
    assert ("warning  model.dtype=bfloat16 loses updates that are smaller than its step" in said) is warned


def test_bfloat16_rounds_away_what_float32_keeps() -> None:
    """The reason for the warning: an update of 5e-6 to a weight of 0.02."""
    weight = torch.tensor(0.02)
    assert (weight - 5e-6) != weight
    assert (weight.bfloat16() - 5e-6) == weight.bfloat16()
