"""Learning curves of the rows of a table: accuracy of the policies at shares of the samples, and what they had used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import mean
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.core.text import numeric_order
from sdzero_bench.records.curve_record import LearningCurveFile, UsedSoFar
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.records.schema import PhaseUse
from sdzero_bench.report.leaderboard.costs import hours
from sdzero_bench.report.leaderboard.grouping import Row


@dataclass(frozen=True)
class PointOfRow:
    """The policies of a row's seeds at one share of the planned samples; what was used is the mean over seeds."""

    share: float
    """0 for the base."""
    avg: Estimate
    validation: Estimate | None
    samples: float
    generated_tokens: float
    flops: float
    hours: float
    unit: str
    """What the hours are of."""


@dataclass(frozen=True)
class CurvesOfTable:
    """The curves of a table that were measured alike, by the row's label."""

    samples_per_question: int
    test_questions: int
    validation_questions: int
    base: PointOfRow | None
    """The base on the same questions, where the table has a row of it."""
    points: dict[str, list[PointOfRow]]
    rows: dict[str, Row]
    left_out: tuple[str, ...]
    """Rows with a curve on other questions, shares or samples."""


def curves_of(table_rows: Sequence[Row]) -> CurvesOfTable | None:
    """None if no row has a curve of each of its seeds."""
    found = {row.label: curves for row in table_rows if not row.is_base and (curves := _of_runs(row.runs))}
    if not found:
        return None
    shapes = {label: {_shape(curve) for curve in curves} for label, curves in found.items()}
    usual = next(iter(shapes.values()))
    alike = [label for label in found if shapes[label] == usual and len(usual) == 1]
    if not alike:
        return None
    rows = {row.label: row for row in table_rows if row.label in alike}
    any_curve = found[alike[0]][0]
    return CurvesOfTable(
        samples_per_question=any_curve.samples_per_question,
        test_questions=any_curve.test_questions,
        validation_questions=any_curve.validation_questions,
        base=_base(table_rows, any_curve),
        points={label: _points(row, found[label]) for label, row in rows.items()},
        rows=rows,
        left_out=tuple(label for label in found if label not in alike),
    )


def scores_of(row: Row, policies: Sequence[str]) -> Scores:
    """Accuracy on the test questions of the curve by seed and question; `policies` is the label of each seed's policy.

    Raises `UserError` for a curve that lacks the policy.
    """
    return _scores([_by_question(run, policy).test for run, policy in zip(row.runs, policies, strict=True)])


def _by_question(run: RunRecord, policy: str) -> Any:
    if run.curve is None or policy not in run.curve.per_question:
        raise UserError(f"the learning curve of {str(run.folder)!r} lacks the policy {policy!r}; validate the record")
    return run.curve.per_question[policy]


def _of_runs(runs: Sequence[RunRecord]) -> list[LearningCurveFile]:
    """The curves of all of a row's seeds, or nothing."""
    curves = [curve for run in runs if (curve := run.curve) is not None]
    return curves if len(curves) == len(runs) else []


def _shape(curve: LearningCurveFile) -> str:
    """The same for curves whose points can be averaged and compared."""
    questions = [sorted(found.test) for found in curve.per_question.values()][:1]
    return json.dumps([curve.samples_per_question, curve.validation_questions, questions, [p.share for p in curve.points]])


def _points(row: Row, curves: Sequence[LearningCurveFile]) -> list[PointOfRow]:
    found = []
    for place, point in enumerate(curves[0].points):
        own = [curve.points[place] for curve in curves]
        by_question = [_by_question(run, its.policy) for run, its in zip(row.runs, own, strict=True)]
        validations = [found.validation for found in by_question if found.validation is not None]
        spent, unit = hours([({"": _seconds(its.used)}, run.manifest) for run, its in zip(row.runs, own, strict=True)])
        found.append(
            PointOfRow(
                share=point.share,
                avg=mean(_scores([found.test for found in by_question])),
                validation=mean(_scores(validations)) if len(validations) == len(own) else None,
                samples=_mean([its.used.samples for its in own]),
                generated_tokens=_mean([its.used.generated_tokens for its in own]),
                flops=_mean([its.used.flops(curve.parameters) for its, curve in zip(own, curves, strict=True)]),
                hours=spent / len(own),
                unit=unit,
            )
        )
    return found


def _base(rows: Sequence[Row], curve: LearningCurveFile) -> PointOfRow | None:
    """The base's samples on all test questions, of which the curve's are the first."""
    row = next((row for row in rows if row.is_base), None)
    asked = next(iter(curve.per_question.values())).test
    if row is None or any(asked.keys() - entry.per_question.avg.keys() for entry in row.entries):
        return None
    scores = _scores([{id: entry.per_question.avg[id] for id in asked} for entry in row.entries])
    return PointOfRow(0.0, mean(scores), None, 0.0, 0.0, 0.0, 0.0, "")


def _scores(by_seed: Sequence[dict[str, float]]) -> Scores:
    order = numeric_order(by_seed[0])
    return np.array([[values[question] for question in order] for values in by_seed], dtype=float)


def _seconds(used: UsedSoFar) -> PhaseUse:
    return PhaseUse(wall_seconds=used.wall_seconds, accelerator_seconds=used.accelerator_seconds)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
