"""`sdzero-bench config show`: every setting with what it is, in a file that runs as it stands."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from small_runs import SMALL, command, finished, run_json

from sdzero_bench.core.checked import keys
from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.runs.config import preset_names, resolve
from sdzero_bench.runs.registry import methods, tasks
from sdzero_bench.runs.settings_text import settings_text
from tools.torture.small_settings import options


@pytest.mark.parametrize("method", sorted(methods()))
def test_the_file_means_the_settings_that_it_shows(tmp_path: Path, method: str) -> None:
    config = resolve(method)
    (tmp_path / "shown.yaml").write_text(settings_text(config))
    assert resolve(None, file=tmp_path / "shown.yaml") == config


@pytest.mark.parametrize("preset", preset_names())
def test_of_any_preset_and_task(tmp_path: Path, preset: str) -> None:
    for task in ("micro-code", "gsm8k", "rg:gcd"):
        config = resolve("sdzero", preset, task=task)
        (tmp_path / "shown.yaml").write_text(settings_text(config))
        assert resolve(None, file=tmp_path / "shown.yaml") == config


@pytest.mark.parametrize(
    ("method", "task"),
    [
        *((method, "micro-code") for method in sorted(methods())),
        *(("base", task) for task in [*sorted(tasks()), "rg:gcd", "lm-eval:gsm8k", "evalplus:humaneval"]),
    ],
)
def test_every_setting_says_what_it_is(method: str, task: str) -> None:
    lines = settings_text(resolve(method, task=task)).splitlines()
    silent = [
        line.strip()
        for before, line in itertools.pairwise(lines)
        if not before.lstrip().startswith("#") and line.strip() and not line.lstrip().startswith("#")
    ]
    assert silent == [f"name: {task}", f"name: {method}"]


def test_a_value_that_is_no_default_is_shown_beside_the_default() -> None:
    text = settings_text(resolve("sdzero", assignments=["sampling.top_p=0.5"]))
    assert "Default: 1.0.\n  top_p: 0.5\n" in text
    assert "Default: 0.9." not in text  # beta1, which is the default


def test_what_the_command_prints_runs_as_it_stands(tmp_path: Path) -> None:
    shown = finished(
        command("config", "show", "--method", "rft", *options(*SMALL, "evaluation.revise=false")), check=True
    ).stdout
    assert flatten(read_yaml(shown)).keys() >= set(keys(methods()["rft"].Options, "method."))
    (tmp_path / "mine.yaml").write_text(shown)
    result = run_json(command("run", "--config", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "runs"), "--json"))
    assert (result["method"], result["budget"]["questions"]) == ("rft", 16)
