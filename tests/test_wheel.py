"""The wheel holds the package and nothing else, each file once; built from the tree or from an sdist, it works on its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.runs import registry

ROOT = Path(__file__).parent.parent
SOURCES = ("LICENSE", "README.md", "pyproject.toml", "sdzero_bench", "methods", "tasks", "tools", "tests")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
BUILD_SDIST = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with its links, so that builds leave nothing in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(ROOT / name, copy)
    return copy


def built(source: Path, folder: Path) -> Path:
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([*PIP, "wheel", *offline, "--wheel-dir", str(folder), str(source)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source, tmp_path_factory.mktemp("wheel"))


def package_files() -> list[str]:
    """Every file of the package, methods/ and tasks/ at the place where they are imported from."""
    found = []
    for folder, _, names in os.walk(ROOT / "sdzero_bench", followlinks=True):
        if Path(folder).name != "__pycache__":
            found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names]
    return sorted(found)


def content(wheel: Path) -> list[str]:
    """The files of a wheel but for its metadata; a file that is in it twice is listed twice."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def test_the_wheel_holds_each_file_of_the_package_once_and_nothing_else(wheel: Path) -> None:
    files = package_files()
    # The comparison would hold for an empty package too.
    assert {"sdzero_bench/methods/sdzero.py", "sdzero_bench/tasks/math500.yaml", "sdzero_bench/py.typed"} <= set(files)
    assert content(wheel) == files


def test_the_sdist_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", BUILD_SDIST, str(tmp_path)], cwd=source, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not in Python 3.11.2, which Debian has
        archive.extractall(tmp_path / "unpacked", **safely)
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert content(built(unpacked, tmp_path / "wheel")) == content(wheel)


@pytest.fixture
def elsewhere(wheel: Path, tmp_path: Path) -> tuple[list[str], dict[str, Any]]:
    """The wheel, installed into a folder beside this environment's packages: the command, and how to call it from elsewhere."""
    site = tmp_path / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)], check=True)
    how = {"env": {**os.environ, "PYTHONPATH": str(site)}, "cwd": tmp_path, "text": True}
    where = [sys.executable, "-c", "import sdzero_bench; print(sdzero_bench.__file__)"]
    assert subprocess.check_output(where, **how).startswith(str(site))
    return [sys.executable, str(site / "bin" / "sdzero-bench")], how


def test_installed_elsewhere_it_lists_its_methods(elsewhere: tuple[list[str], dict[str, Any]]) -> None:
    command, how = elsewhere
    listed = subprocess.check_output([*command, "methods"], **how)
    assert [name for name in registry.methods() if name not in listed] == []


@pytest.mark.slow
def test_installed_elsewhere_it_trains_and_reports(elsewhere: tuple[list[str], dict[str, Any]], tmp_path: Path) -> None:
    command, how = elsewhere
    result = json.loads(subprocess.check_output([*command, "run", "--preset", "tiny", "--method", "sdzero", "--json"], **how))
    assert [entry["policy"] for entry in result["evaluation"]] == ["base", "srt", "final"]
    assert "| sdzero |" in subprocess.check_output([*command, "report", str(tmp_path / "runs")], **how)


def interpreter(version: str) -> str:
    """Of a Python version: one on PATH, or one of pyenv's. A test fails without it, since it is run to prove just that."""
    own = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    found = [path for path in (shutil.which(f"python{version}"), *map(str, own)) if path]
    works = [path for path in found if subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0]
    assert works, f"python{version} is not installed"
    return works[0]


@pytest.mark.install
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_in_an_empty_environment_it_trains_and_reports(wheel: Path, version: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    how: dict[str, Any] = {"env": environment, "cwd": tmp_path, "text": True}
    subprocess.run([interpreter(version), "-m", "venv", str(tmp_path / "venv")], check=True)
    pinned = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
    pip = [str(tmp_path / "venv/bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, pinned], check=True, **how)  # a build for CPUs, as docs/quickstart.md says
    subprocess.run([*pip, str(wheel)], check=True, **how)
    command = str(tmp_path / "venv/bin/sdzero-bench")
    assert subprocess.check_output([command, "--version"], **how).split()[1] == wheel.name.split("-")[1]
    result = json.loads(subprocess.check_output([command, "run", "--preset", "tiny", "--method", "sdzero", "--json"], **how))
    assert [entry["policy"] for entry in result["evaluation"]] == ["base", "srt", "final"]
    assert "| sdzero |" in subprocess.check_output([command, "report", "runs"], **how)
