"""The figures of a base that the world `habits` is calibrated to: `python -m tools.micro_model.calibration MODEL`.

The ranges are around the paper's figures of its own base (tables 1, 7 and 9 of arXiv 2604.12002), but for that of corrected
responses, which lies above the paper's: so that there is something to learn from revisions. The last two are what methods whose
teacher reads a reference need. No method is run. Writes calibration.json next to the model; the exit code is 1 if a figure is
outside its range.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sdzero_bench.records.folder import write_atomic
from tools.micro_model.references import worth

TASKS = ("micro-arith", "micro-code")

RANGES: dict[str, tuple[float, float]] = {
    "avg": (0.45, 0.55),  # 49.8 over all benchmarks
    "pass": (0.60, 0.72),  # 66.7 on the math subset
    "kept": (0.90, 1.0),
    "corrected": (0.03, 0.20),  # 2.7 % on AIME24
    "length of a revision": (0.8, 1.5),  # 5098 / 3708 tokens
    "right with a worked solution": (0.85, 1.0),
    "right with a right response": (0.85, 1.0),
}
"""Of both tasks. Lengths are relative to first responses."""


def figures(task: str, model: str) -> dict[str, float]:
    """By the names of `RANGES`."""
    base = measured(task, model)
    revision, read = base["revision"], worth(task, model)
    return {
        "avg": base["avg_at_k"],
        "pass": base["pass_at_k"],
        "kept": revision["kept_rate"],
        "corrected": revision["correction_rate"],
        "length of a revision": revision["mean_tokens"] / base["mean_tokens"],
        "right with a worked solution": read["gold solution"]["right"],
        "right with a right response": read["right response"]["right"],
    }


def measured(task: str, model: str) -> dict[str, Any]:
    """The base's entry of evaluation.json."""
    settings = ["--set", "evaluation.revise=true", "--set", "evaluation.curve_questions=0", "--set", "evaluation.kl=0"]
    with tempfile.TemporaryDirectory() as out:
        run = ["run", "--method", "base", "--model", model, "--task", task, "--out", out, "--json", *settings]
        done = subprocess.run([sys.executable, "-m", "sdzero_bench", *run], check=True, stdout=subprocess.PIPE, text=True)
        folder = Path(json.loads(done.stdout)["folder"])
        (entry,) = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = entry
    return found


def outside(found: dict[str, float]) -> list[str]:
    return [name for name, (low, high) in RANGES.items() if not low <= found[name] <= high]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    options = parser.parse_args()
    all_figures = {task: figures(task, str(options.model)) for task in options.tasks}
    write_atomic(options.model / "calibration.json", json.dumps(all_figures, indent=2) + "\n")
    for task, found in all_figures.items():
        for name, (low, high) in RANGES.items():
            mark = "" if low <= found[name] <= high else "  <- outside"
            print(f"{task}  {name}: {found[name]:.3f} ({low:g} to {high:g}){mark}")
    raise SystemExit(any(outside(found) for found in all_figures.values()))
