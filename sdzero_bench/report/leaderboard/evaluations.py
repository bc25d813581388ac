"""Policies that were measured by themselves, with `sdzero-bench eval`: listed, but not ranked.

They have no budget, and a harness measures with its own prompts and rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sdzero_bench.core.stats.footnotes import OVER_QUESTIONS
from sdzero_bench.core.text import with_interval
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.records.part import as_json
from sdzero_bench.records.reader import BASE, RunRecord
from sdzero_bench.report.rendering.blocks import DASH, Block, Heading, Notes, RecordLink, Table

NOTES = [
    "Not ranked: these policies have no budget, and rows of one task may have been measured in different ways.",
    "Rows of a harness use its prompts and rules; do not compare them with rows of this project's tasks.",
    OVER_QUESTIONS,
]


def in_order(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """This project's tasks first, then those of harnesses; by task, then by policy."""
    return sorted(runs, key=lambda run: (run.result.harness or "", run.task, policy(run), run.run_id))


def policy(run: RunRecord) -> str:
    """What was measured: the checkpoint of a run, or a model."""
    origin = run.manifest.origin
    return f"{origin.run_id}, {origin.checkpoint}" if origin else run.config.model.name


def blocks(runs: Sequence[RunRecord]) -> Iterator[Block]:
    """The section of a report."""
    if not runs:
        return
    yield Heading(2, "Policies measured by themselves")
    headings = [
        *("task", "harness", "policy", "avg (%)", "pass (%)", "maj (%)"),
        *("response tokens", "samples", "questions", "unverified"),
    ]
    records = [[RecordLink(str(run.seed), run.run_id, run.folder)] for run in in_order(runs)]
    yield Table(headings, [_row(run) for run in in_order(runs)], left=3, records=records)
    yield Notes(NOTES)
    rows = [[data["harness"], *cells] for data in map(as_data, in_order(runs)) for cells in _harness_rows(data)]
    if rows:
        yield Heading(3, "The same samples as scored by the harness")
        yield Table(["harness", "policy", "task", "figure", "value"], rows, left=4)


def as_data(run: RunRecord) -> dict[str, Any]:
    """One measured policy, unrounded."""
    entry = _entry(run)
    names = ("questions", "samples_per_question", "k", "avg_at_k", "interval", "pass_at_k", "pass_at_k_interval", "maj_at_k")
    more = ("maj_at_k_interval", "mean_tokens", "mean_tokens_interval", "unverified")
    return {
        "run_id": run.run_id,
        "task": run.task,
        "harness": run.result.harness,
        "policy": policy(run),
        "evaluation": run.config.evaluation.model_dump(mode="json"),
        "test_set": run.manifest.test_set,
        "sandbox": run.result.sandbox,
        **{name: getattr(entry, name) for name in (*names, *more)},
        "harness_figures": entry.harness and as_json(entry.harness),
    }


def as_rows(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Flat, for CSV: one row per policy and task."""
    rows = []
    for data in map(as_data, in_order(runs)):
        flat: dict[str, Any] = {}
        for name, value in data.items():
            if name.endswith("interval"):
                flat |= {f"{name}_low": value and value[0], f"{name}_high": value and value[1]}
            elif not isinstance(value, dict):
                flat[name] = value
        rows.append({**flat, "temperature": data["evaluation"]["temperature"]})
    return rows


def _entry(run: RunRecord) -> PolicyEvaluation:
    entry = run.entry(BASE)
    assert entry is not None  # a run that trains nothing measures the base
    return entry


def _row(run: RunRecord) -> list[str]:
    data = as_data(run)
    k, n = data["k"], data["samples_per_question"]
    majority = data["maj_at_k"]
    return [
        run.task,
        data["harness"] or DASH,
        data["policy"],
        with_interval(data["avg_at_k"], data["interval"]),
        with_interval(data["pass_at_k"], data["pass_at_k_interval"]) + (f" (k={k})" if k != n else ""),
        DASH if majority is None else with_interval(majority, data["maj_at_k_interval"]),
        with_interval(data["mean_tokens"], data["mean_tokens_interval"], scale=1),
        f"{n} at temperature {data['evaluation']['temperature']:g}",
        f"{data['questions']:,}",
        f"{data['unverified']:,}",
    ]


def _harness_rows(data: dict[str, Any]) -> Iterator[list[str]]:
    for task, figures in ((data["harness_figures"] or {}).get("results") or {}).items():
        for name, value in figures.items():
            yield [data["policy"], task, name, f"{value:.4f}"]
