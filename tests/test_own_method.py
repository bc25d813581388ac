"""The walk-through of docs/own_method.md works as it is written: as a file in methods/, and as a package of one's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset
from small_runs import command, run_json, small_run
from trl import SFTConfig, SFTTrainer

from sdzero_bench.runs import registry
from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.samples import by_question

ROOT = Path(__file__).parent.parent


def walk_through() -> tuple[str, str, str]:
    """The section, its Python file, and its pyproject.toml."""
    text = (ROOT / "docs" / "own_method.md").read_text()
    section = re.search(r"^# Your method\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert section is not None
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", section.group(1), re.DOTALL))
    return section.group(1), blocks["python"], blocks["toml"]


def in_methods(folder: Path) -> str:
    """A copy of the package, as it is laid out when installed, with the file among the methods; returns its path."""
    source = folder / "source"
    # The links to methods/ and tasks/ become folders.
    shutil.copytree(ROOT / "sdzero_bench", source / "sdzero_bench", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "sdzero_bench" / "methods" / "shortest.py").write_text(walk_through()[1])
    return str(source)


def as_a_package(folder: Path) -> str:
    """Installed by pip from the files as written; returns the path on which it and this package are."""
    package, site = folder / "package", folder / "site"
    package.mkdir()
    _, python, toml = walk_through()
    (package / "shortest.py").write_text(python)
    (package / "pyproject.toml").write_text(toml)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(package)], check=True)
    return os.pathsep.join([str(site), str(ROOT)])


def test_the_walk_through_is_short() -> None:
    assert len(walk_through()[0].splitlines()) <= 60


@pytest.mark.parametrize("install", [pytest.param(in_methods, marks=pytest.mark.slow), as_a_package])
def test_the_walk_through_trains_within_its_budget(tmp_path: Path, install) -> None:
    environment = {**os.environ, "PYTHONPATH": install(tmp_path)}
    # Elsewhere than in the checkout, whose own package a `python -m` would find first.
    elsewhere = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True}
    listed = subprocess.run(command("methods"), check=True, **elsewhere).stdout
    assert "shortest" in listed
    arguments = small_run("shortest", tmp_path / "runs", "evaluation.revise=false")
    done = subprocess.run(arguments, check=False, **elsewhere)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["ledger"]["shortest.sample"]["samples"] == 64
    assert result["ledger"]["shortest"]["backward_tokens"] > 0
    assert [entry["policy"] for entry in result["evaluation"]] == ["base", "final"]
    without = subprocess.run(command("methods"), capture_output=True, text=True, check=True).stdout
    assert "shortest" not in without


def test_the_example_of_another_trainer_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = (ROOT / "docs" / "own_method.md").read_text().partition("## What a method is made of")[2]
    example = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert example is not None
    names = {"Dataset": Dataset, "SFTConfig": SFTConfig, "SFTTrainer": SFTTrainer, "by_question": by_question}
    exec("from __future__ import annotations\n" + example[1], names)

    class Mine(Method):
        name, summary, paper = "mine", "the example", "none"
        train = names["train"]

        def phases(self, questions: int) -> list[Phase]:
            return [Phase("mine.sample", "sample", 4 * questions), Phase("mine", "train_with")]

    monkeypatch.setitem(registry.methods(), "mine", Mine)
    result = run_json(small_run("mine", tmp_path, "evaluation.revise=false"))
    assert result["ledger"]["mine.sample"]["samples"] == 64
    use, samples = result["ledger"]["mine"], result["ledger"]["mine.sample"]
    assert 0 < use["backward_tokens"] <= samples["prompt_tokens"] + samples["generated_tokens"]
