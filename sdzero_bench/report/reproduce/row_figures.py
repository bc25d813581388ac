"""The figures of an experiment's rows, from the records of their runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import Scores, estimate, holm, p_value
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.reader import BASE, RunRecord
from sdzero_bench.report.leaderboard.efficiency import samples_up_to
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.leaderboard import Pair
from sdzero_bench.report.reproduce.cells import Cell
from sdzero_bench.report.reproduce.experiment import Experiment
from sdzero_bench.report.reproduce.shelf import Shelf


@dataclass(frozen=True)
class Revisions:
    """Of the first responses to each question and seed: how many were wrong and then right, and so on.

    Each has the shape [seeds, questions]. `tokens` are means a question of the revised responses.
    """

    wrong: Scores
    fixed: Scores
    right: Scores
    broken: Scores
    tokens: Scores


@dataclass(frozen=True)
class Measured:
    """One row on one task: a variant with its seeds."""

    label: str
    row: Row
    seeds: tuple[int, ...]

    @property
    def samples(self) -> float:
        """Training samples drawn until this policy was there; the mean over seeds."""
        runs, policy = self.row.runs, self.row.policy
        if policy == BASE:
            return 0.0
        return sum(run.training_samples if policy == "final" else samples_up_to(run, policy) for run in runs) / len(runs)

    @cached_property
    def revisions(self) -> Revisions:
        """Raises `UserError` if a run did not let this policy revise."""
        counted = [_revisions(run, self.row.policy) for run in self.row.runs]
        return Revisions(*(np.stack([getattr(one, name) for one in counted]) for name in Revisions.__dataclass_fields__))


@dataclass(frozen=True)
class TaskFigures:
    """An experiment on one task."""

    experiment: Experiment
    task: str
    rows: tuple[Measured, ...]
    """Those that have at least one seed, in the order of the experiment."""
    absent: tuple[str, ...]
    """Variants without a finished run."""
    incomplete: tuple[str, ...]
    """Variants that lack seeds."""
    trained_on: str | None = None
    """The task that the policies were trained on, if it is another."""

    def row(self, label: str) -> Measured | None:
        return next((row for row in self.rows if row.label == label), None)

    def estimates(self, figure: str) -> dict[str, Estimate]:
        """Of avg, pass, maj or tokens; rows that have no such figure are left out."""
        known = {row.label: scores for row in self.rows if (scores := row.row.scores(figure)) is not None}
        found, _ = estimate(list(known.values()), shares=figure != "tokens") if known else ([], [])
        return dict(zip(known, found, strict=True))

    @cached_property
    def differences(self) -> dict[str, Pair]:
        """Of avg to the reference, of the rows other than it; none where it was not run."""
        if self.row(self.experiment.reference) is None:
            return {}
        others = [row.label for row in self.rows if row.label != self.experiment.reference]
        return differences(self.rows, [(label, self.experiment.reference) for label in others])


def differences(rows: Sequence[Measured], pairs: Sequence[tuple[str, str]]) -> dict[str, Pair]:
    """avg of `after` - `before` for pairs (after, before), by the label of `after`."""
    if not pairs:
        return {}
    at = {row.label: i for i, row in enumerate(rows)}
    scores = [row.row.avg for row in rows]
    _, found = estimate(scores, [(at[before], at[after]) for after, before in pairs])
    p = [p_value(scores[at[before]], scores[at[after]]) for after, before in pairs]
    return {
        after: Pair(before, after, difference, raw, corrected)
        for (after, before), difference, raw, corrected in zip(pairs, found, p, holm(p), strict=True)
    }


Found = Sequence[tuple[Cell, RunRecord | None]]
"""Cells of one task, each with its record if there is one."""


def measure(experiment: Experiment, cells: Sequence[Cell], shelf: Shelf) -> list[TaskFigures]:
    """One for each task. Raises `UserError` if runs that are to be compared were measured on different questions."""
    by_task: dict[str, list[tuple[Cell, RunRecord | None]]] = defaultdict(list)
    for cell in cells:
        by_task[cell.task].append((cell, shelf.find(cell.config)))
    return [of_task(experiment, task, found) for task, found in by_task.items()]


def of_task(experiment: Experiment, task: str, found: Found, benchmark: bool = False) -> TaskFigures:
    """On one task; `benchmark`: the records measured a policy and nothing else. Raises `UserError` as `measure` does."""
    rows, absent, incomplete = [], [], []
    for label, variant in experiment.variants.items():
        wanted = [(cell.seed, run) for cell, run in found if cell.variant == label]
        there = [(seed, run) for seed, run in wanted if run is not None]
        runs = tuple(run for _, run in there)
        if not runs:
            absent.append(label)
            continue
        if len(runs) < len(wanted):
            incomplete.append(label)
        policy = BASE if benchmark or variant.method == BASE else variant.policy
        for run in runs:
            if run.entry(policy) is None:
                others = ", ".join(entry["policy"] for entry in run.evaluation)
                raise UserError(f"{str(run.folder)!r} measured no policy {policy!r}, but {others}")
        rows.append(Measured(label, Row(label, policy, runs), tuple(seed for seed, _ in there)))
    sets = {run.manifest["test_set"]: run.folder for row in rows for run in row.row.runs}
    if len(sets) > 1:
        one, other, *_ = map(str, sets.values())
        raise UserError(f"{one!r} and {other!r} were measured on different questions; make one of them anew")
    trained_on = found[0][0].task if benchmark else None
    return TaskFigures(experiment, task, tuple(rows), tuple(absent), tuple(incomplete), trained_on)


def _revisions(run: RunRecord, policy: str) -> Revisions:
    """Shape of each: [questions], in the order of the evaluation."""
    entry: Any = run.entry(policy)
    if "revision" not in entry:
        raise UserError(f"{str(run.folder)!r} did not let {policy!r} revise (evaluation.revise)")
    order = {question: i for i, question in enumerate(entry["per_question"]["avg"])}
    journal = run.folder / "journal"
    first = {(r["question_id"], r["index"]): _reward(r) for r in read_lines(journal / f"evaluation.{policy}.jsonl")}
    counts = np.zeros((4, len(order)))
    tokens, drawn = np.zeros(len(order)), np.zeros(len(order))
    for revised in read_lines(journal / f"evaluation.{policy}.revision.jsonl"):
        i = order[revised["question_id"]]
        tokens[i] += len(revised["token_ids"])
        drawn[i] += 1
        before, after = first[revised["question_id"], revised["index"]], _reward(revised)
        if before is None or after is None:
            continue
        was_right = before == 1.0
        counts[2 if was_right else 0, i] += 1
        counts[3 if was_right else 1, i] += (after == 1.0) != was_right
    wrong, fixed, right, broken = counts
    return Revisions(wrong, fixed, right, broken, tokens / np.maximum(drawn, 1))


def _reward(row: dict[str, Any]) -> float | None:
    return row["verdict"]["reward"]
