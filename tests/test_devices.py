"""A run of one process on a machine with several GPUs, which this one pretends to be: it takes one of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_runs import SMALL
from trl import SFTConfig

from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies import devices
from sdzero_bench.policies.devices import described, take_one_gpu, visible_gpus
from sdzero_bench.policies.loading import device
from sdzero_bench.runs.config import resolve
from sdzero_bench.training.arguments import trainer_arguments


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight GPUs, of which torch counts those that are visible, as it does before CUDA is initialised."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    listed = lambda: os.environ.get("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6,7").split(",")  # noqa: E731
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(listed()))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(devices, "_taken", None)


def model(name: str) -> ModelConfig:
    return ModelConfig(name="micro", device=name)


@pytest.mark.usefixtures("eight")
def test_a_trainer_spreads_nothing_over_the_other_gpus(tmp_path: Path) -> None:
    optimizer = resolve("rft").optimizer
    take_one_gpu(model("auto"), ALONE)
    arguments = trainer_arguments(optimizer, 1, tmp_path, 0, bf16=False, cpu=False, learning_rate=None)
    config = SFTConfig(**arguments, report_to="none")
    assert config.n_gpu == 1
    assert config.train_batch_size == arguments["per_device_train_batch_size"]


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("wanted", "visible", "used", "said"),
    [
        ("auto", "0", "cuda", "cuda:0 (1 of 8 GPUs; `sdzero-bench launch` uses all)"),
        ("cuda", "0", "cuda", "cuda:0 (1 of 8 GPUs; `sdzero-bench launch` uses all)"),
        ("cuda:5", "5", "cuda:0", "cuda:5 (1 of 8 GPUs; `sdzero-bench launch` uses all)"),
        ("cpu", None, "cpu", "cpu"),
    ],
)
def test_the_gpu_that_is_named_is_taken_and_said(wanted: str, visible: str | None, used: str, said: str) -> None:
    take_one_gpu(model(wanted), ALONE)
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible
    assert device(model(wanted)) == used
    assert described(used) == said


@pytest.mark.usefixtures("eight")
def test_it_is_one_of_those_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-3f,GPU-77,GPU-a0")
    with pytest.raises(UserError, match=r"no model\.device=cuda:3 here: the number of visible GPUs is 3"):
        take_one_gpu(model("cuda:3"), ALONE)
    take_one_gpu(model("cuda:1"), ALONE)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-77"
    take_one_gpu(model("auto"), ALONE)  # one is left, which it keeps
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-77"


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize("device", ["", "meta", "cuda:x", "hpu", "nothing"])
def test_a_device_that_is_not_here_is_named_before_a_run(device: str) -> None:
    with pytest.raises(UserError, match=f"^model.device='{device}' cannot be used here"):
        take_one_gpu(ModelConfig(name="x", device=device), ALONE)


def test_several_processes_leave_the_gpus_to_their_launcher() -> None:
    take_one_gpu(model("auto"), Ranks(1, 8))
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert described("cuda") == "cuda"


@pytest.mark.parametrize(("listed", "seen"), [("", []), ("-1", []), ("2, 0", ["2", "0"]), ("1,-1,0", ["1"])])
def test_visible_gpus_are_those_that_cuda_sees(listed: str, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert visible_gpus() == seen


PROGRAM = """
import os, torch
torch.cuda.device_count = lambda: 2
def first_question(*_):
    print("visible:", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    os._exit(0)
torch.cuda.is_available = torch.cuda.current_device = torch.cuda.get_device_name = torch.cuda.init = first_question
from sdzero_bench.cli.app import main
main()
"""


def test_a_run_hides_the_others_before_it_asks_cuda_anything(tmp_path: Path) -> None:
    """The first question initialises the driver, which reads CUDA_VISIBLE_DEVICES once."""
    settings = [part for text in [*SMALL, "model.device=cuda:1"] for part in ("--set", text)]
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    arguments = ["run", "--method", "rft", "--out", str(tmp_path), *settings]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "visible: 1\n", done.stderr
