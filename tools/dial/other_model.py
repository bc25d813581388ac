"""A second model of nearly the same errors as `from-5`: that of the leaderboards, on the same questions, with the same seeds.

It is the only estimate of how much of a world's figures is chance in training its one model.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from statistics import mean

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.reader import RunRecord, load_runs
from sdzero_bench.report.leaderboard.grouping import BASE_LABEL, Row, collect
from tools.dial.advantages import OTHERS, OURS, world_of

LABELS = (BASE_LABEL, *OTHERS, OURS)
TASK = "micro-arith"

Means = dict[str, float]
"""avg@k of the base and of each method."""


def both_models(dial: Path, world: str, others: Path) -> tuple[Means, Means] | None:
    """Means of the world, and of the records `others` over its questions and the seeds that all methods have.

    None if either lacks a method. Raises `UserError` if the other model has not answered all of the questions, or if there is
    no such seed.
    """
    ours = _rows([run for run in load_runs(dial) if world_of(run) == world])
    theirs = _rows(load_runs(others))
    if not set(LABELS) <= ours.keys() & theirs.keys():
        return None
    questions = ours[OURS].questions
    seeds = set.intersection(*({run.seed for run in rows[label].runs} for rows in (ours, theirs) for label in (*OTHERS, OURS)))
    if not seeds:
        raise UserError(f"no seed has a run of each of {', '.join((*OTHERS, OURS))} both in {world} and in {str(others)!r}")
    if missing := questions - theirs[OURS].questions:
        raise UserError(f"{str(others)!r} lacks {len(missing)} of the {len(questions)} test questions of {world}")
    return _means(ours, questions, seeds), _means(theirs, questions, seeds)


def _rows(runs: list[RunRecord]) -> dict[str, Row]:
    return {row.label: row for board in collect(runs).boards for group in board if group.task == TASK for row in group.rows}


def _means(rows: dict[str, Row], questions: Set[str], seeds: Set[int]) -> Means:
    found = {}
    for label in LABELS:
        entries = [run.entry(rows[label].policy) for run in rows[label].runs if rows[label].is_base or run.seed in seeds]
        found[label] = mean(entry.per_question.avg[name] for entry in entries if entry for name in questions)
    return found
