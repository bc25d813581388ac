"""`sdzero-bench launch`: what it starts, what it refuses, and how it ends. Whole runs under it are in test_ranks.py."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import SMALL, command, finding_tests, finished
from typer.testing import CliRunner

from sdzero_bench.cli.app import app
from sdzero_bench.cli.commands.executing import carry_out
from sdzero_bench.core import distributed
from sdzero_bench.core.distributed import Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.launchers.processes import configurations

RUN = ["--method", "rft", *(part for text in SMALL for part in ("--set", text))]


def printed(*options: str, visible: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that `launch --print` shows on a machine with these GPUs. Raises the error that it ends with."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    done = CliRunner().invoke(app, ["launch", "--print", *options, *RUN])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return shlex.split(done.stdout)


def test_every_gpu_gets_a_process_with_the_options_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    command = printed("--sharding", "fsdp2", visible="0,1,2,3", monkeypatch=monkeypatch)
    at = command.index("-m")
    assert command[:2] == ["accelerate", "launch"]
    assert command[at:] == ["-m", "sdzero_bench", "run", *RUN]
    options = dict(zip(command[2:at:2], command[3:at:2], strict=True))
    assert options == {
        "--config_file": str(configurations()["fsdp2"]),
        "--num_processes": "4",
        "--main_process_port": "0",
    }


def test_each_of_several_machines_knows_its_number_and_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    more = ["--nodes", "2", "--node-rank", "1", "--main-address", "10.0.0.7"]
    command = printed(*more, visible="0,1", monkeypatch=monkeypatch)
    options = dict(zip(command[2::2], command[3::2], strict=False))
    assert (options["--num_processes"], options["--num_machines"], options["--machine_rank"]) == ("4", "2", "1")
    assert (options["--main_process_ip"], options["--main_process_port"]) == ("10.0.0.7", "29500")


def test_one_gpu_needs_no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(visible="0", monkeypatch=monkeypatch) == ["python", "-m", "sdzero_bench", "run", *RUN]


@pytest.mark.parametrize(
    ("options", "visible", "said"),
    [
        ([], "", "no GPU is visible here; --processes N starts N processes on the CPUs"),
        (["--processes", "3"], "0,1", "--processes 3, but 2 of the GPUs of this machine are visible"),
        (["--processes", "3"], "", "optimizer.batch_size=8 cannot be divided evenly among 3 processes"),
        (["--nodes", "3", "--main-address", "a"], "0", "cannot be divided evenly among 3 processes"),
        (["--set", "model.device=cuda:1"], "0,1", "each of 2 processes needs its own"),
        (["--sharding", "fsdp2", "--set", "lora.rank=4"], "0,1", "DDP is enough"),
        (["--nodes", "2"], "0,1", "--nodes needs --main-address"),
        (["--node-rank", "1"], "0,1", "--node-rank 1 is too large for --nodes 1"),
        (["--set", "method.no_such_option=1"], "0,1", "unknown key 'method.no_such_option'"),
        (["--set", "budget.samples_per_question=1"], "0,1", "rft needs 64 samples"),
        (["--resume", "nowhere"], "0,1", "the folder 'nowhere' does not exist"),
    ],
)
def test_what_cannot_run_is_refused_before_a_process_starts(
    options: list[str], visible: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=said):
        printed(*options, visible=visible, monkeypatch=monkeypatch)


def test_an_option_that_run_does_not_have_is_an_error() -> None:
    done = finished(command("launch", "--processes", "2", "--epochs", "3", *RUN))
    assert done.returncode == 2
    assert "no option --epochs; settings are given as --set method." in done.stderr


def started(*arguments: str) -> subprocess.Popen[str]:
    """Two processes of the program two_processes.py, with these arguments."""
    launcher = [sys.executable, "-m", "sdzero_bench.runs.launchers.processes", "ddp", "2", "two_processes"]
    return subprocess.Popen([*finding_tests(), *launcher, *arguments], stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("rank", "end"), [("0", "75"), ("1", "3"), ("1", str(-signal.SIGKILL)), ("0", "both")])
def test_processes_end_together_as_the_first_of_them_did(rank: str, end: str, tmp_path: Path) -> None:
    process = started(rank, end, str(tmp_path))
    said = process.communicate(timeout=100)[1]
    assert process.returncode == (0 if end == "both" else int(end))
    assert said == ""
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}


def test_ctrl_c_reaches_every_process(tmp_path: Path) -> None:
    process = started("none", "0", str(tmp_path))
    while len(list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=100) == (None, "")
    assert process.returncode == 130
    assert {path.name for path in tmp_path.glob("*.interrupted")} == {"0.interrupted", "1.interrupted"}


@pytest.mark.parametrize(
    ("error", "waited", "said"), [(KeyboardInterrupt(), False, ""), (UserError("too few"), True, "process 2 of 2: too few")]
)
def test_of_several_processes_the_first_speaks_first(
    error: BaseException, waited: bool, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(distributed, "launched", lambda: Ranks(1, 2))
    monkeypatch.setattr(distributed.time, "sleep", slept.append)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def prepare(*_: object) -> list[object]:
        raise error

    with pytest.raises(SystemExit) as ended:
        carry_out(prepare, as_json=False)  # type: ignore[arg-type]
    assert ended.value.code == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert bool(slept) == waited
    assert said in capsys.readouterr().err
