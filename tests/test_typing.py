"""mypy sees the types of the installed package from outside, and checks methods/ and tasks/ inside the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUG_IN = """
from sdzero_bench.training.method import Method
from sdzero_bench.training.run import Checkpoint, Run


class Unchanged(Method):
    name, summary, paper = "unchanged", "the base policy as it is", "none"

    def plan(self, questions: int) -> dict[str, int]:
        return {}

    def train(self, run: Run) -> Checkpoint:
        return run.base
"""
WITHOUT_LARGE_PACKAGES = "[mypy]\n" + "".join(
    f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in ("torch", "transformers", "trl", "accelerate", "datasets")
)
"""Reading them takes a minute, and their types do not matter here."""


def mypy(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(folder / "cache"), *arguments]
    # Elsewhere than in the checkout and without PYTHONPATH: what mypy finds is the installed package.
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False).stdout


def test_a_plug_in_is_checked_against_the_types_of_the_installed_package(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(WITHOUT_LARGE_PACKAGES)
    (tmp_path / "correct.py").write_text(PLUG_IN)
    (tmp_path / "attribute.py").write_text(PLUG_IN.replace("run.base", "run.basis"))
    (tmp_path / "override.py").write_text(PLUG_IN.replace("questions: int", "questions: str"))
    said = mypy(tmp_path, "correct.py", "attribute.py", "override.py")
    assert '"Run" has no attribute "basis"' in said
    assert 'incompatible with supertype "sdzero_bench.training.method.Method"' in said
    assert "Found 2 errors in 2 files (checked 3 source files)" in said


def test_errors_in_methods_and_tasks_and_tools_are_reported(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("sdzero_bench", "methods", "tasks", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    planted = ("methods/rft.py", "tasks/countdown.py", "tools/screenshot.py")
    for name in planted:
        with (tmp_path / name).open("a") as file:
            file.write('planted: int = "text"\n')
    said = mypy(tmp_path, "--follow-imports", "skip")  # of the modules that pyproject.toml does not name: third parties'
    for name in planted:
        line = len((tmp_path / name).read_text().splitlines())
        assert f"{name}:{line}: error: Incompatible types in assignment" in said
