"""The proof for GPUs runs from end to end on CPUs, on tiny shapes, before minutes of a GPU are spent on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "gpu_proof.py"


def test_every_proof_passes_here(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--small", "--minutes", "9", "--json", str(tmp_path / "record.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    proofs = json.loads((tmp_path / "record.json").read_text())["proofs"]
    assert proofs["dtypes under bf16"]["student"] == ["torch.float32 -> torch.bfloat16"]
    assert proofs["distillation step"]["ours"]["loss"] > 0
    assert proofs["killed and resumed"]["samples_before"] < proofs["killed and resumed"]["samples_after"]
    assert {"base", "final"} <= proofs["micro run of grpo"].keys()


def test_what_does_not_fit_into_the_time_is_listed(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--small", "--minutes", "0", "--json", str(tmp_path / "record.json")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    proofs = json.loads((tmp_path / "record.json").read_text())["proofs"]
    assert {proof["not_run"] for proof in proofs.values()} == {"out of time"}
