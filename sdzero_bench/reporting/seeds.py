"""Collect the records of finished runs: `python -m sdzero_bench.reporting.seeds RUN... --out DIR`.

Copies what a comparison needs (no checkpoints, no journals) and writes a table with every seed of every method.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from statistics import mean
from typing import Any

from ..errors import UserError
from ..records import RunFolder, write_atomic
from .summary import markdown_table, percent, training_samples, with_interval

RECORDS = (
    "manifest.json",
    "result.json",
    "evaluation.json",
    "ledger.json",
    "summary.md",
    "learning_curve.png",
    "learning_curve.svg",
    "training",
)


def collect(runs: list[Path], out: Path) -> str:
    """Copy the records to `out/METHOD-sSEED/` and write `out/README.md`; returns the table.

    Raises `UserError` if a run is unfinished, or if the runs do not share questions, budget and evaluation: their figures
    could then not stand in one table.
    """
    results = []
    for path in runs:
        folder = RunFolder.open(path)
        manifest, result = folder.read("manifest.json"), folder.read("result.json")
        if manifest["state"] != "finished":
            raise UserError(f"{str(path)!r} is not finished; go on with it first")
        results.append((path, manifest, result))
    for what in ("question_set", "test_set"):
        if len(found := {manifest[what] for _, manifest, _ in results}) > 1:
            raise UserError(f"the runs differ in their {what}: {', '.join(sorted(found))}")
    for section in ("evaluation", "budget", "model"):
        if len({json.dumps(manifest["config"][section], sort_keys=True) for _, manifest, _ in results}) > 1:
            raise UserError(f"the runs differ in their settings of {section}")
    results.sort(key=lambda r: (r[2]["method"], r[2]["seed"]))
    for path, _, result in results:
        target = out / f"{result['method']}-s{result['seed']}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in RECORDS:
            if (path / name).is_dir():
                shutil.copytree(path / name, target / name)
            elif (path / name).is_file():
                shutil.copy2(path / name, target / name)
    table = markdown_table(*_rows([result for _, _, result in results]))
    write_atomic(out / "README.md", _page(table, results[0][2]))
    return table


def _rows(results: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    k = results[0]["evaluation"][0]["samples_per_question"]
    headings = ["method", "policy", "seed", f"avg@{k} %", "over base", "pass %", "tokens", "fixed %", "kept %", "samples"]
    rows: list[list[str]] = []
    for method in dict.fromkeys(r["method"] for r in results):
        of_method = [r for r in results if r["method"] == method]
        for policy in dict.fromkeys(e["policy"] for r in of_method for e in r["evaluation"]):
            if policy == "base" and method != "base":
                continue  # the same in every run; it has a row of its own below
            entries = [(r, e) for r in of_method for e in r["evaluation"] if e["policy"] == policy]
            rows += [[method, policy, str(r["seed"]), *_cells(e), _samples(r, policy)] for r, e in entries]
            if len(entries) == 1:
                continue
            over = mean(e["over_base"]["difference"] for _, e in entries) if policy != "base" else None
            average = mean(e["avg_at_k"] for _, e in entries)
            rows.append([method, policy, f"mean of {len(entries)}", percent(average), percent(over), "", "", "", "", ""])
    base = next(e for r in results for e in r["evaluation"] if e["policy"] == "base")
    return headings, [["base", "base", "", *_cells(base), "0"], *rows]


def _samples(result: dict[str, Any], policy: str) -> str:
    """Training samples of the whole run, where they are those of the policy: in the row of the final one."""
    return f"{training_samples(result):,}" if policy == "final" else ""


def _cells(entry: dict[str, Any]) -> list[str]:
    over, revision = entry.get("over_base"), entry.get("revision", {})
    return [
        with_interval(entry["avg_at_k"], entry["interval"]),
        with_interval(over["difference"], over["interval"]) if over else "",
        percent(entry["pass_at_k"]),
        f"{entry['mean_tokens']:.1f}",
        percent(revision.get("correction_rate")),
        percent(revision.get("kept_rate")),
    ]


def _page(table: str, result: dict[str, Any]) -> str:
    return (
        f"# {result['task']}, preset {result['preset']}\n\n"
        f"Question set `{result['question_set']}`, at most {result['budget']['samples']:,} training samples. In brackets 95 % "
        f"intervals over test questions, those of `over base` paired; they do not cover the variation over seeds, which the "
        f"rows show.\n\n{table}\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        print(collect(options.runs, options.out))
    except UserError as error:
        raise SystemExit(f"seeds: {error}") from error
