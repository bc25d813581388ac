"""`sdz.run`, `sdz.evaluate` and `sdz.plan` do what the commands do, and say what they say."""

from __future__ import annotations

import json
import logging
import multiprocessing
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from small_runs import command, finished

import sdzero_bench as sdz
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.session import Session

SMALL: dict[str, Any] = {"preset": "tiny", "quiet": True}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(out: Path) -> sdz.Record:
    return sdz.run("rft", out=out, **SMALL)


def test_a_run_returns_its_record(run: sdz.Record, out: Path) -> None:
    assert run.state == "finished"
    assert run.folder.parent == out
    assert sdz.load(out)[run.run_id].result == run.result
    assert run.evaluation.policy.tolist() == ["base", "final"]
    assert run.samples.phase.nunique() == 3
    assert len(run.training) == run.training.step.max() > 0


def test_it_leaves_the_process_as_it_was(out: Path) -> None:
    import matplotlib

    level, backend = logging.getLogger().level, "svg"
    matplotlib.use(backend)
    run = sdz.run("base", out=out, **SMALL)
    assert (logging.getLogger().level, matplotlib.get_backend()) == (level, backend)
    assert sdz.run(resume=run.folder, quiet=True).result.evaluation == run.result.evaluation  # the folder is not locked


def test_a_run_is_measured_again_under_its_own_settings(run: sdz.Record, out: Path) -> None:
    again = sdz.evaluate(run, k=4, limit=3, out=out, quiet=True)
    assert sdz.load(again.folder).runs.origin.tolist() == [f"{run.run_id}, rft"]
    shown = again.evaluation[["method", "policy", "questions", "samples_per_question"]].iloc[0].tolist()
    assert shown == ["eval", "rft", 3, 4]
    assert repr(again).startswith(f"Record({again.run_id!r}: rft ")
    assert sdz.load(again.folder).runs.method.tolist() == ["eval"]


@pytest.mark.parametrize(
    "given",
    [
        {"method": {"name": "sdzero", "distill": {"epochs": 3}}, "evaluation": {"samples": 4, "pass_at": 2}, "seed": 1},
        {
            "method": {"name": "sdzero", "distill.epochs": 3},
            "evaluation.samples": np.int64(4),
            "evaluation.pass_at": 2,
            "seed": 1,
        },
        {"method": "sdzero", "method.distill.epochs": 3, "evaluation": {"samples": 4}, "evaluation.pass_at": 2, "seed": 1},
    ],
)
def test_settings_as_sections_or_dotted_keys_are_those_of_the_command_line(given: dict[str, Any]) -> None:
    assigned = ["method.distill.epochs=3", "evaluation.samples=4", "evaluation.pass_at=2"]
    expected = resolve("sdzero", "tiny", None, assigned, seed=1)
    with patch.object(Session, "__init__", side_effect=sdz.UserError("seen")) as session, pytest.raises(sdz.UserError):
        sdz.run(**given, **SMALL)
    assert session.call_args.args[0] == expected


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"method": "sdzerro"}, ["--method", "sdzerro"]),
        ({}, []),
        ({"method": "rft", "preset": "tinny"}, ["--method", "rft", "--preset", "tinny"]),
        ({"method": "rft", "task": "micro-arit"}, ["--method", "rft", "--task", "micro-arit"]),
        ({"method": "rft", "model": "./none"}, ["--method", "rft", "--model", "./none"]),
        ({"method": "rft", "evaluation": {"sample": 1}}, ["--method", "rft", "--set", "evaluation.sample=1"]),
        ({"method": "rft", "evaluation": 3}, ["--method", "rft", "--set", "evaluation=3"]),
        ({"method": "rft", "optimizer.learning_rate": "high"}, ["--method", "rft", "--set", "optimizer.learning_rate=high"]),
        ({"method": "rft", "config": "none.yaml"}, ["--method", "rft", "--config", "none.yaml"]),
        ({"resume": "none"}, ["--resume", "none"]),
        (
            {"method": "rft", "preset": "tiny", "out": "/proc/none"},
            ["--method", "rft", "--preset", "tiny", "--out", "/proc/none"],
        ),
    ],
)
def test_what_is_refused_is_refused_in_the_words_of_the_command(given: dict[str, Any], options: list[str]) -> None:
    said = finished(command("run", *options))
    assert said.returncode == 2
    with pytest.raises(sdz.UserError) as caught:
        sdz.run(**given, quiet=True)
    assert f"sdzero-bench: {caught.value}\n" == said.stderr[said.stderr.index("sdzero-bench:") :]
    assert not isinstance(caught.value.__cause__, ValueError)  # such as what pydantic says
    assert caught.value.__cause__ or caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_quick_look_is_that_of_the_command() -> None:
    with patch.object(Session, "__init__", side_effect=sdz.UserError("seen")) as session, pytest.raises(sdz.UserError):
        sdz.run("rft", limit=5, **SMALL)
    questions = session.call_args.args[0].questions
    assert (questions.train, questions.test) == (5, 5)
    with pytest.raises(sdz.UserError, match="limit=1: a run needs 2 questions or more"):
        sdz.run("rft", limit=1, **SMALL)


def test_a_plain_script_runs_as_it_stands(tmp_path: Path) -> None:
    """Verifier processes do not run it again, though it has no `if __name__ == "__main__":`."""
    script = tmp_path / "first.py"
    script.write_text(
        "import sdzero_bench as sdz\n"
        "print('begun')\n"
        "run = sdz.run('base', preset='tiny', limit=2, quiet=True)\n"
        "print(run.state)\n"
    )
    ended = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stdout == "begun\nfinished\n", ended.stderr


def test_a_script_that_its_own_processes_import_is_told_what_it_lacks() -> None:
    with (
        patch.object(multiprocessing.current_process(), "_inheriting", True, create=True),
        pytest.raises(sdz.UserError) as said,
    ):
        sdz.run("base", **SMALL)
    assert 'if __name__ == "__main__":' in str(said.value)


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(sdz.UserError, match=r"evaluation\.samples: <object"):
        sdz.run("rft", evaluation={"samples": object()}, **SMALL)
    with pytest.raises(sdz.UserError, match=r"method\.name: input should be a name"):
        sdz.run(method={"name": 5}, **SMALL)


def test_a_run_that_ends_early_says_how_to_resume_it_and_does(tmp_path: Path) -> None:
    from sdzero_bench.methods.rft import RFT

    def fail(method: RFT, run: Any) -> None:
        run.folder.journal.mkdir()
        raise OSError(5, "Input/output error")

    resume = "Input/output error. Nothing is lost; resume with: sdzero-bench run --resume "
    with patch.object(RFT, "train", fail), pytest.raises(sdz.UserError, match=resume) as caught:
        sdz.run("rft", out=tmp_path, **SMALL)
    folder = Path(str(caught.value).rpartition(" ")[2])
    with pytest.raises(sdz.UserError, match="other settings than the run began with"):
        sdz.run(resume=folder, seed=5, quiet=True)
    assert sdz.run(resume=folder, quiet=True).state == "finished"


def test_a_plan_is_that_of_the_command() -> None:
    planned = sdz.plan("grpo", preset="paper-qwen3-4b", assume={"machine.count": 16})
    options = ["--preset", "paper-qwen3-4b", "--method", "grpo", "--assume", "machine.count=16", "--json"]
    said = json.loads(finished(command("plan", *options)).stdout)
    assert (planned.hours, planned.samples, planned.fits, planned.disk) == (
        said["hours"],
        said["samples"],
        said["fits"],
        said["disk_bytes"],
    )


def test_methods_and_tasks_are_mappings_and_still_packages() -> None:
    import sdzero_bench.methods.rft as module

    assert sdz.methods["rft"] is module.RFT
    assert set(sdz.tasks) > {"micro-arith", "micro-code"}
    assert "rg:gcd" in sdz.tasks
    assert sdz.tasks.get("none") is None
    assert sdz.tasks["micro-arith"]().load("test")[0].answer
    assert all(name in repr(sdz.methods) and name in sdz.methods._repr_html_() for name in sdz.methods)
