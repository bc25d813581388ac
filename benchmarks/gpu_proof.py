"""Proves on the device at hand, in minutes, what a run on a GPU relies on, and records it.

    python benchmarks/gpu_proof.py [--minutes 10] [--small] [--json FILE] [--only PROOF ...]

In order: the dtypes of every pass under bf16; a distillation step at the shape of Qwen3-4B, compared with TRL's SDPOTrainer;
sampling by dtype; a run that is killed and resumed; micro runs of sdzero and grpo, whose figures are compared with those of the
committed CPU runs. What does not fit into the time is listed as not run. With --small, as in the tests on CPUs, all of it is
tiny and nothing is compared.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))
from distillation_step import SHAPES, operations, sampling, step

from sdzero_bench.core.provenance import hardware, versions

TINY = (
    *(
        "task.train=24",
        "task.validation=2",
        "task.test=4",
        "questions.train=null",
        "evaluation.samples=2",
        "evaluation.pass_at=2",
    ),
    *("optimizer.batch_size=8", "optimizer.save_every=1", "evaluation.revise=false", "sampling.max_new_tokens=64"),
)
COMMITTED = Path(__file__).parent.parent / "results" / "micro" / "leaderboard.json"
NEAR = 10.0
"""Points of avg@8 within which a run on another device counts as the same; seeds alone differ by up to 6."""


@dataclass(frozen=True)
class Proof:
    small: bool
    ends: float
    """time.monotonic() at which everything has to be over."""

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    @property
    def shape(self) -> str:
        return "tiny" if self.small else "qwen3-4b"

    def apart(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a function in a process of its own, or here if it is tiny. Raises `TimeoutError`."""
        if self.small:
            return function(*arguments)
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            try:
                return alone.apply_async(function, arguments).get(timeout=max(1.0, self.left))
            except multiprocessing.TimeoutError as error:
                raise TimeoutError("out of time") from error

    def run(self, *arguments: str) -> dict[str, Any]:
        """The result of `sdzero-bench run`. Raises `RuntimeError` with its last line, or `subprocess.TimeoutExpired`."""
        command = [sys.executable, "-m", "sdzero_bench", "run", "--json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=max(1.0, self.left))
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        result: dict[str, Any] = json.loads(done.stdout)
        return result


def dtypes() -> dict[str, list[str]]:
    """Dtypes of the weights and of the results of linear layers, of student and teacher, in a training step under bf16."""
    seen_by: dict[str, set[str]] = {}
    on_gpu = torch.cuda.is_available()
    from distillation_step import distillation_trainer, models

    student, teacher = models(SHAPES["tiny"], torch.float32, torch.bfloat16 if on_gpu else torch.float32)
    for name, model in (("student", student), ("teacher", teacher)):
        seen: set[str] = set()
        for module in model.base_model.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_hook(lambda m, _, out, seen=seen: seen.add(f"{m.weight.dtype} -> {out.dtype}"))
        seen_by[name] = seen
    trainer, batch = distillation_trainer(SHAPES["tiny"], student, teacher, bf16=True)
    trainer.compute_loss(student, batch).backward()
    return {name: sorted(seen) for name, seen in seen_by.items()}


def dtypes_of_passes(proof: Proof) -> dict[str, Any]:
    found: dict[str, list[str]] = proof.apart(dtypes)
    if any(not result.endswith("bfloat16") for results in found.values() for result in results):
        raise RuntimeError(f"not all passes are in bfloat16: {found}")
    return dict(found)


def distillation(proof: Proof) -> dict[str, Any]:
    """A step of ours and of SDPOTrainer: loss, seconds, student tokens per second, TFLOP/s and peak memory in GB."""
    found: dict[str, Any] = {"tokens": {"student": SHAPES[proof.shape].student, "teacher": SHAPES[proof.shape].teacher}}
    work = proof.apart(operations, proof.shape)
    for kind in ("ours", "SDPOTrainer"):
        try:
            figures = proof.apart(step, proof.shape, kind)
        except (RuntimeError, torch.OutOfMemoryError) as error:
            found[kind] = {"error": str(error).splitlines()[0][:200]}
            continue
        speed = {
            "tokens_per_second": SHAPES[proof.shape].student / figures["seconds"],
            "tflops": work / figures["seconds"] / 1e12,
        }
        found[kind] = figures | speed
    return found


def sampling_by_dtype(proof: Proof) -> dict[str, Any]:
    """New tokens per second of the engine `transformers`."""
    return {dtype: proof.apart(sampling, proof.shape, dtype) for dtype in ("float32", "bfloat16")}


def killed_and_resumed(proof: Proof) -> dict[str, Any]:
    """A run killed at its first checkpoint and resumed: every sample is there once, and those drawn before are kept."""
    with tempfile.TemporaryDirectory() as out:
        assigned = [part for text in TINY for part in ("--set", text)]
        command = [sys.executable, "-m", "sdzero_bench", "run", "--method", "sdzero", "--out", out, *assigned]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while not any(Path(out).glob("*/checkpoints/.srt.trainer/checkpoint-*/COMPLETE")):
            if process.poll() is not None or proof.left < 0:
                raise RuntimeError(f"the run ended with {process.poll()} before it could be killed")
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        (folder,) = Path(out).iterdir()
        before = _journaled(folder)
        result = proof.run("--resume", str(folder))
        after = _journaled(folder)
    kept = [line for line in after if line in set(before)]
    if kept != before or len(after) != len(set(after)):
        raise RuntimeError("samples were lost or drawn twice")
    return {"samples_before": len(before), "samples_after": len(after), "avg_at_k": result["evaluation"][-1]["avg_at_k"]}


def _journaled(folder: Path) -> list[str]:
    return [line for file in sorted((folder / "journal").glob("*.jsonl")) for line in file.read_text().splitlines()]


def micro_run(method: str) -> Callable[[Proof], dict[str, Any]]:
    """A run of the micro tier on this device; its figures are near those of the committed run on CPUs."""

    def prove(proof: Proof) -> dict[str, Any]:
        settings = [part for text in (TINY if proof.small else ()) for part in ("--set", text)]
        with tempfile.TemporaryDirectory() as out:
            result = proof.run("--method", method, "--out", out, *settings)
        found = {entry["policy"]: 100 * entry["avg_at_k"] for entry in result["evaluation"]}
        if proof.small:
            return found
        tables = [table for board in json.loads(COMMITTED.read_text())["boards"] for table in board["tables"]]
        rows = {row["method"]: row["avg"] for table in tables if table["task"] == "micro-arith" for row in table["methods"]}
        committed = {"base": 100 * rows["base"]["mean"], "final": 100 * rows[method]["mean"]}
        if any(abs(found[policy] - mean) > NEAR for policy, mean in committed.items()):
            raise RuntimeError(f"{found} is more than {NEAR} points from the committed means {committed}")
        return {"here": found, "committed means": committed}

    return prove


PROOFS: dict[str, Callable[[Proof], dict[str, Any]]] = {
    "dtypes under bf16": dtypes_of_passes,
    "distillation step": distillation,
    "sampling, tokens per second": sampling_by_dtype,
    "killed and resumed": killed_and_resumed,
    "micro run of sdzero": micro_run("sdzero"),
    "micro run of grpo": micro_run("grpo"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--small", action="store_true", help="tiny shapes and runs, as on CPUs")
    parser.add_argument("--json", type=Path, help="write the record there, after every step")
    parser.add_argument("--only", nargs="+", choices=list(PROOFS), default=list(PROOFS), metavar="PROOF", help="by name")
    options = parser.parse_args()
    console = Console()
    proof = Proof(options.small or not torch.cuda.is_available(), time.monotonic() + 60 * options.minutes)
    record: dict[str, Any] = {"hardware": hardware(), "versions": versions(), "small": proof.small, "proofs": {}}
    failed = False
    for name in options.only:
        started = time.monotonic()
        if proof.left <= 0:
            found: dict[str, Any] = {"not_run": "out of time"}
        else:
            try:
                found = PROOFS[name](proof)
            except (TimeoutError, subprocess.TimeoutExpired):
                found = {"not_run": "out of time"}
            except Exception as error:  # one proof that fails must not hide the others
                found, failed = {"failed": f"{type(error).__name__}: {str(error)[:500]}"}, True
        record["proofs"][name] = {**found, "took_seconds": round(time.monotonic() - started, 1)}
        console.print(f"{name}: {json.dumps(record['proofs'][name])}", highlight=False, markup=False)
        if options.json:
            options.json.write_text(json.dumps(record, indent=1) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
