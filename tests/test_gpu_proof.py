"""The proof for GPUs runs from end to end on CPUs, on tiny shapes, before minutes of a GPU are spent on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "gpu_proof.py"


def proofs_of(tmp_path: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), "--small", "--minutes", "9", "--json", str(tmp_path / "record.json"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads((tmp_path / "record.json").read_text())["proofs"]


def test_the_proofs_that_train_no_policy_and_one_run_pass_here(tmp_path: Path) -> None:
    named = ("dtypes under bf16", "distillation step", "sampling, tokens per second", "micro run of grpo")
    proofs = proofs_of(tmp_path, "--only", *named)
    assert tuple(proofs) == named
    assert proofs["dtypes under bf16"]["student"] == ["torch.float32 -> torch.bfloat16"]
    assert {"base", "final"} <= proofs["micro run of grpo"].keys()


@pytest.mark.slow
def test_every_proof_passes_here(tmp_path: Path) -> None:
    proofs = proofs_of(tmp_path)
    assert proofs["dtypes under bf16"]["student"] == ["torch.float32 -> torch.bfloat16"]
    assert proofs["distillation step"]["ours"]["loss"] > 0
    assert proofs["killed and resumed"]["samples_before"] < proofs["killed and resumed"]["samples_after"]
    assert {"base", "final"} <= proofs["micro run of grpo"].keys()


def test_what_does_not_fit_into_the_time_is_listed(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--small", "--minutes", "0", "--json", str(tmp_path / "record.json")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    proofs = json.loads((tmp_path / "record.json").read_text())["proofs"]
    assert {proof["not_run"] for proof in proofs.values()} == {"out of time"}
