"""`sdzero-bench new`: what it writes works as it is, and is tested by the test that it writes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from small_runs import command, finished

from sdzero_bench.testing import check_method, check_task

ROOT = Path(__file__).parent.parent


def written(kind: str, out: Path) -> ModuleType:
    """The module of a new method or task."""
    said = finished(command("new", kind, "my_own", "--out", str(out)), check=True).stdout
    assert f"pip install -e {out / 'my_own'}" in said
    assert sorted(path.name for path in (out / "my_own").iterdir()) == ["my_own.py", "pyproject.toml", "test_my_own.py"]
    project = tomllib.loads((out / "my_own" / "pyproject.toml").read_text())
    assert project["project"]["entry-points"] == {f"sdzero_bench.{kind}s": {"my_own": "my_own:MyOwn"}}
    spec = importlib.util.spec_from_file_location("my_own", out / "my_own" / "my_own.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["my_own"] = module  # worker processes find it by its name
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["method", "task"])
def test_what_is_written_is_clean(tmp_path: Path, kind: str) -> None:
    written(kind, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_new_task_keeps_what_every_task_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path / "my_own")
    module = written("task", tmp_path)
    assert check_task(module.MyOwn) == []
    file = tmp_path / "my_own" / "my_own.py"
    file.write_text(file.read_text().replace("check_math(response, question.answer)", "Verdict(1.0)"))
    assert any("wrong answers" in finding for finding in check_task(module.MyOwn))


@pytest.mark.slow
def test_a_new_method_keeps_what_every_method_promises(tmp_path: Path) -> None:
    assert check_method(written("method", tmp_path).MyOwn, ("method.epochs=1",)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("method", "rft"), "there is a method 'rft' already"),
        (("task", "gsm8k"), "there is a task 'gsm8k' already"),
        (("method", "My-Method"), "cannot name a method"),
        (("method", "class"), "cannot name a method"),
        (("task", "json"), "cannot name a task"),
        (("method", "../evil"), "cannot name a method"),
        (("method", "taken"), "exists already"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, arguments: tuple[str, str], said: str) -> None:
    (tmp_path / "taken").mkdir()
    done = finished(command("new", *arguments, "--out", str(tmp_path)))
    assert done.returncode == 2
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
