"""Runs share the cores of a machine, and a resumed run uses as many threads as it began with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sdzero_bench.core import threads
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.threads import SPINS, available_cores, share_cores
from sdzero_bench.runs.resuming import use_as_many_threads

PROGRAM = """
import os, sys
class WhenTorchIsImported:
    def find_spec(self, name, *_):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, WhenTorchIsImported())
from sdzero_bench.cli.app import main
main()
"""


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, f"None {SPINS}"),
        ({"GOMP_SPINCOUNT": "7"}, "None 7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
    ],
)
def test_waiting_threads_of_a_run_sleep_soon(given: dict[str, str], used: str, tmp_path: Path) -> None:
    """OpenMP reads the variables once, when it is loaded with torch."""
    kept = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    arguments = [sys.executable, "-c", PROGRAM, "run", "--method", "rft", "--out", str(tmp_path)]
    done = subprocess.run(arguments, env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout == f"{used}\n", done.stderr


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("250000 100000", 3), ("9900000 100000", 8)],
)
def test_a_container_may_use_fewer_cores_than_the_machine_has(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(threads, "CGROUP_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # kept as it is
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert available_cores() == cores
    share_cores()
    assert os.environ.get("OMP_NUM_THREADS") == (str(cores) if cores < 8 else None)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    share_cores()
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_a_resumed_run_usesuse_as_many_threads_as_it_began_with_or_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    display = ProgressDisplay(quiet=True)
    monkeypatch.setattr(display, "say", said.append)
    before = torch.get_num_threads()
    try:
        monkeypatch.delenv("OMP_NUM_THREADS")
        use_as_many_threads(before + 1, display)
        assert torch.get_num_threads() == before + 1
        assert said == []
        monkeypatch.setenv("OMP_NUM_THREADS", str(before + 1))
        use_as_many_threads(before, display)
        assert torch.get_num_threads() == before + 1
        assert said[0].startswith(f"The run began with {before} threads and goes on with {before + 1}, as OMP_NUM_THREADS says")
    finally:
        torch.set_num_threads(before)
