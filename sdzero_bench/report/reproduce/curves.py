"""What a figure shows, as rows of data: they are written next to it, and plots.py draws nothing else."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.concentration import buckets, concentration
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import independent_difference, mean
from sdzero_bench.core.stats.significance import independent_p_value
from sdzero_bench.records.compressed import stored
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.records.record_files import parsed
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.report.reproduce.experiment import Figure
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures

Rows = list[dict[str, Any]]

WINDOW = 9
"""Optimizer steps of the running mean."""

VERIFIED_TOGETHER = 128
"""Rollouts in one point of the curve of correct rollouts."""

DRAWN_TOGETHER = 64
"""Rollouts in one point of the curve of distillation."""

OPEN_REVISION = re.compile(
    r"\b(?:wait|let me (?:start over|re\w+|check|correct|try)|(?:is|was|not) (?:not )?(?:correct|wrong)|i made a mistake|"
    r"double.check|look(?:ing)? (?:at this )?again|try again|redo|actually)\b",
    re.IGNORECASE,
)
"""Words with which a response openly revises itself."""


def curve(figures: TaskFigures, kind: Figure) -> Rows:
    """Rows of the figure on one task. Raises `UserError` if its runs did not measure what it shows."""
    return CURVES[kind](figures)


def _length(figures: TaskFigures) -> Rows:
    tokens, avg = figures.estimates("tokens"), figures.estimates("avg")
    return [
        {
            "task": figures.task,
            "variant": label,
            **{f"tokens{end}": getattr(tokens[label], name) for end, name in ENDS},
            **{f"avg{end}": getattr(avg[label], name) for end, name in ENDS},
        }
        for label in avg
    ]


ENDS = (("", "mean"), ("_low", "low"), ("_high", "high"))


def _localisation(figures: TaskFigures) -> Rows:
    """Mean share of a response's KL in each bucket of its tokens, most divergent first, by whether the response is correct."""
    rows: Rows = []
    for row in figures.rows:
        for right, found in localised(row).items():
            found = [response for response in found if sum(response["kl"]) > 0]  # without any divergence there are no shares
            shares = [buckets(response["kl"]) for response in found]
            for bucket, share in enumerate(np.mean(shares, axis=0) if shares else []):
                rows.append(
                    {
                        "task": figures.task,
                        "variant": row.label,
                        "responses": "right" if right else "wrong",
                        "bucket": bucket + 1,
                        "share": round(float(share), 6),
                        "count": len(shares),
                    }
                )
    return rows


def localised(row: Measured) -> dict[bool, list[dict[str, Any]]]:
    """The responses of the row's policy, of all seeds, whose divergence was measured, by whether they are correct.

    Raises `UserError` for a run that measured none.
    """
    found: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for run in row.row.runs:
        path = run.folder / "localisation.json"
        if not stored(path):
            raise UserError(f"{str(run.folder)!r} has no localisation.json; run it with evaluation.localise")
        for response in parsed(path)["responses"]:
            if response["policy"] == row.row.policy:
                found[response["right"]].append(response)
    return found


@dataclass(frozen=True)
class Concentration:
    """Mean concentration of the divergence of incorrect and of correct responses, and incorrect minus correct."""

    wrong: Estimate
    right: Estimate
    difference: Estimate
    p: float


def concentrations(row: Measured, threshold: float = 0.0) -> Concentration | None:
    """Mean Gini coefficient of the token KLs, with 95 % BCa intervals over responses; None if one kind is lacking.

    Responses of all seeds are pooled. `p` is of the difference against `threshold`.
    """
    found = localised(row)
    wrong, right = (np.array([concentration(r["kl"]) for r in found[kind] if sum(r["kl"]) > 0]) for kind in (False, True))
    if min(len(wrong), len(right)) < 2:
        return None
    difference, p = independent_difference(right, wrong), independent_p_value(right, wrong, threshold)
    return Concentration(mean(wrong[None]), mean(right[None]), difference, p)


def _steps(figures: TaskFigures) -> Rows:
    rows: Rows = []
    for row in figures.rows:
        by_seed = [_running_mean([step["reward"] for step in _training(run, "distill")]) for run in row.row.runs]
        rows += _over_seeds(figures.task, row.label, "step", by_seed, "reward", first=1 + WINDOW // 2)
    return rows


def _rollouts(figures: TaskFigures) -> Rows:
    """The verifier's verdicts on the rollouts of the last phase that drew any, in the order in which they were drawn."""
    rows: Rows = []
    for row in (row for row in figures.rows if not row.row.is_base):
        by_seed = [list(_verified(run)) for run in row.row.runs]
        for point in _over_seeds(figures.task, row.label, "group", by_seed, "reward"):
            rows.append({**point, "rollouts": (point["group"] + 1) * VERIFIED_TOGETHER})
    return rows


def _verified(run: RunRecord) -> Iterator[float]:
    drew = [phase for phase, use in run.training.items() if use.samples]
    if not drew:
        raise UserError(f"{str(run.folder)!r} drew no training samples to show")
    rewards = [sample["verdict"]["reward"] or 0.0 for sample in read_lines(run.folder / "journal" / f"{drew[-1]}.jsonl")]
    for start in range(0, len(rewards) - VERIFIED_TOGETHER + 1, VERIFIED_TOGETHER):
        yield fmean(rewards[start : start + VERIFIED_TOGETHER])


def _words(figures: TaskFigures) -> Rows:
    """Points by number: 0 the base, 1 the SRT policy, then the rollouts of distillation."""
    rows: Rows = []
    for row in figures.rows:
        lengths, words = [], []
        for run in row.row.runs:
            points = list(_points(run))
            lengths.append([fmean(len(sample["token_ids"]) for sample in point) for point in points])
            words.append([fmean(bool(OPEN_REVISION.search(sample["text"])) for sample in point) for point in points])
        tokens = _over_seeds(figures.task, row.label, "point", lengths, "tokens")
        shares = _over_seeds(figures.task, row.label, "point", words, "words")
        rows += [{**a, **b} for a, b in zip(tokens, shares, strict=True)]
    return rows


def _points(run: RunRecord) -> Iterator[Sequence[dict[str, Any]]]:
    journal = RecordedJournal(run.folder)
    yield list(journal.whole_rows("srt.initial"))  # by the base policy
    yield list(journal.whole_rows("evaluation.srt"))
    rollouts = list(journal.whole_rows("distill"))
    for start in range(0, len(rollouts) - DRAWN_TOGETHER + 1, DRAWN_TOGETHER):
        yield rollouts[start : start + DRAWN_TOGETHER]


def _training(run: RunRecord, phase: str) -> Rows:
    steps = [row for row in read_lines(run.folder / "training" / f"{phase}.jsonl") if "reward" in row]
    if not steps:
        raise UserError(f"{str(run.folder)!r} has no step rewards of {phase!r}")
    return steps


def _running_mean(values: Sequence[float]) -> list[float]:
    width = min(WINDOW, len(values))
    return np.convolve(values, np.ones(width) / width, mode="valid").tolist()


def _over_seeds(task: str, label: str, axis: str, by_seed: Sequence[Sequence[float]], name: str, first: int = 0) -> Rows:
    """Mean over seeds with the lowest and the highest, as far as all seeds go."""
    values = np.array([seed[: min(map(len, by_seed))] for seed in by_seed])
    return [
        {
            "task": task,
            "variant": label,
            axis: first + i,
            name: round(float(column.mean()), 6),
            f"{name}_low": round(float(column.min()), 6),
            f"{name}_high": round(float(column.max()), 6),
        }
        for i, column in enumerate(values.T)
    ]


CURVES: dict[Figure, Callable[[TaskFigures], Rows]] = {
    "length": _length,
    "localisation": _localisation,
    "rollouts": _rollouts,
    "steps": _steps,
    "words": _words,
}


def by_variant(rows: Rows) -> dict[tuple[str, str], Rows]:
    """Rows of each task and variant, in order."""
    found: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        found[row["task"], row["variant"]].append(row)
    return dict(found)
