"""How a run's policy is chosen is part of its result: the last, the best by validation, and what choosing by test would add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import ANY, mean
from sdzero_bench.core.text import counted, with_interval
from sdzero_bench.records.curve_record import SelectedPolicy
from sdzero_bench.report.leaderboard.curves_of_rows import CurvesOfTable, scores_of
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.leaderboard import TaskTable
from sdzero_bench.report.rendering.blocks import DASH, Bars, Block, Heading, Notes, Table

Way = Literal["last", "best_by_validation", "best_by_test"]
WAYS: tuple[Way, ...] = ("last", "best_by_validation", "best_by_test")


def blocks(table: TaskTable) -> Iterator[Block]:
    """Nothing where no row has a learning curve."""
    if (curves := table.curves) is None:
        return
    yield Heading(4, "Selection")
    n = curves.samples_per_question
    ways = [f"{way.replace('_', ' ')} (%)" for way in WAYS]
    headings = ["method", *ways, "best by test - last (pts)", "chosen at (validation; test)"]
    rows = [_row(curves.rows[label]) for label in curves.points]
    yield Table(headings, rows, bars=Bars([1, 2, 3]))
    yield Notes(
        [
            f"Three policies of each run, all measured on the first {counted(curves.test_questions, 'test question')} "
            f"with {counted(n, 'sample')} "
            f"each: last is the one that is ranked; best by validation is chosen on {curves.validation_questions:,} validation "
            "questions; best by test is chosen on the questions that it is shown on, so it is biased upwards and never ranked.",
            "chosen at: share of the training samples at which the policies that were best by validation, and by test, "
            "existed; one value per seed.",
        ]
    )
    yield Heading(4, "Learning curve")
    yield _by_share(curves)
    if curves.left_out:
        yield Notes([f"Left out, since their curves are on other questions or shares: {', '.join(curves.left_out)}."])


def selected(row: Row, way: Way) -> Estimate | None:
    """Accuracy of the chosen policies of a row's seeds; None where there are no validation questions."""
    found = _chosen(row, way)
    return None if None in found else mean(scores_of(row, [one.policy for one in found if one]))


def added(row: Row) -> Estimate:
    """What choosing by test adds, paired by seed and question."""
    last, best = ([one.policy for one in _chosen(row, way) if one] for way in ("last", "best_by_test"))
    return mean(scores_of(row, best) - scores_of(row, last), ANY)


def as_data(table: TaskTable) -> dict[str, Any]:
    """The keys `selection` and `learning_curves` of leaderboard.json, where there are curves."""
    if (curves := table.curves) is None:
        return {}
    return {
        "selection": {
            label: {way: (found := selected(row, way)) and found.as_dict() for way in WAYS} | {"added": added(row).as_dict()}
            for label, row in curves.rows.items()
        },
        "learning_curves": {
            label: [
                {name: value.as_dict() if isinstance(value, Estimate) else value for name, value in vars(point).items()}
                for point in points
            ]
            for label, points in curves.points.items()
        },
    }


def _row(row: Row) -> list[str]:
    cells = [with_interval(found.mean, found.interval) if (found := selected(row, way)) else DASH for way in WAYS]
    more = added(row)
    return [row.label, *cells, with_interval(more.mean, more.interval), _shares(row)]


def _shares(row: Row) -> str:
    validation, test = (
        ", ".join(f"{100 * one.share:g} %" if one else DASH for one in _chosen(row, way))
        for way in ("best_by_validation", "best_by_test")
    )
    return f"{validation}; {test}"


def _chosen(row: Row, way: Way) -> list[SelectedPolicy | None]:
    """Of each seed."""
    return [getattr(run.curve.selection, way) for run in row.runs if run.curve is not None]


def _by_share(curves: CurvesOfTable) -> Table:
    shares = [point.share for point in next(iter(curves.points.values()))]
    start = curves.base and with_interval(curves.base.avg.mean, curves.base.avg.interval)
    rows = [
        [label, *([start] if start else []), *(with_interval(p.avg.mean, p.avg.interval) for p in points)]
        for label, points in curves.points.items()
    ]
    headings = ["method", *(["base (%)"] if start else []), *(f"at {100 * share:g} % of samples (%)" for share in shares)]
    return Table(headings, rows, bars=Bars(range(1, len(headings))))
