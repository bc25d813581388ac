"""Every figure of a report as data, unrounded: one JSON document, and the same in flat rows for CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.report.leaderboard import evaluations, forgetting, selection, submission_notes
from sdzero_bench.report.leaderboard.document import Board, heading
from sdzero_bench.report.leaderboard.efficiency import curve
from sdzero_bench.report.leaderboard.grouping import Collection
from sdzero_bench.report.leaderboard.leaderboard import Standing, TaskTable, overall
from sdzero_bench.report.leaderboard.pairs import Pair

Rows = list[dict[str, Any]]


def as_data(collection: Collection, boards: Sequence[Board]) -> dict[str, Any]:
    """The document of leaderboard.json; the classes of leaderboard.py, pairs.py and costs.py describe its keys."""
    measured = [evaluations.as_data(run) for run in evaluations.in_order(collection.evaluations)]
    return {
        "boards": [
            {
                "heading": heading(board, boards),
                "overall": overall(board) if len(board) > 1 else None,
                "tables": [_table(table) for table in board],
            }
            for board in boards
        ],
        "not_ranked": {
            "unfinished": [{"run_id": run.run_id, "state": run.state} for run in collection.unfinished],
            "repeated": [{"counted": kept.run_id, "again": again.run_id} for kept, again in collection.repeated],
            "validation": [run.run_id for run in collection.trials],
            **_outdated(collection),
        },
        **({"evaluations": measured} if measured else {}),
    }


def _outdated(collection: Collection) -> dict[str, Any]:
    """Only where there are some: boards from before there was a version do not mention them."""
    runs = [{"run_id": run.run_id, "bench_version": run.manifest.bench_version} for run in collection.outdated]
    return {"outdated": runs} if runs else {}


def as_csv(collection: Collection, boards: Sequence[Board]) -> dict[str, str]:
    """leaderboard.csv, cost.csv and pairs.csv: one row per method, or pair, of each table. With policies that were measured
    by themselves, evaluations.csv too.
    """
    measured = {"evaluations.csv": _csv(evaluations.as_rows(collection.evaluations))} if collection.evaluations else {}
    return {
        "leaderboard.csv": _csv(standing_rows(boards)),
        "cost.csv": _csv(cost_rows(boards)),
        "pairs.csv": _csv(pair_rows(boards)),
        **measured,
    }


def standing_rows(boards: Sequence[Board]) -> Rows:
    """One for each method of each table."""
    return [where | _flat_standing(table, s) for where, table in _places(boards) for s in table.standings]


def cost_rows(boards: Sequence[Board]) -> Rows:
    """One for each method of each table."""
    return [where | {"method": s.label, **asdict(s.cost)} for where, table in _places(boards) for s in table.standings]


def pair_rows(boards: Sequence[Board]) -> Rows:
    """One for each two ranked methods of each table."""
    return [where | _flat_pair(pair) for where, table in _places(boards) for pair in table.pairs]


def _places(boards: Sequence[Board]) -> list[tuple[dict[str, Any], TaskTable]]:
    """Each table, with what distinguishes it."""
    return [({"leaderboard": heading(board, boards), "task": table.group.task}, table) for board in boards for table in board]


def _table(table: TaskTable) -> dict[str, Any]:
    return {
        "task": table.group.task,
        "conditions": table.group.conditions,
        "reference": table.reference,
        "margin": table.margin,
        "methods": [_standing(table, standing) for standing in table.standings],
        "pairs": [_pair(pair) for pair in table.pairs],
        "parts": [
            {"questions": p.questions, "samples": p.samples, "avg": {label: e.as_dict() for label, e in p.avg.items()}}
            for p in table.parts
        ],
        **selection.as_data(table),
        **forgetting.as_data(table.rows),
    }


def _standing(table: TaskTable, standing: Standing) -> dict[str, Any]:
    runs = zip(standing.row.runs, standing.by_seed.values(), strict=True)
    tuning = standing.row.runs[0].tuning
    return {
        "rank": standing.rank,
        "group": standing.group,
        "method": standing.label,
        "policy": standing.row.policy,
        "avg": standing.avg.as_dict(),
        "over_reference": _pair(standing.over_reference),
        "over_base": _pair(standing.over_base),
        "pass": standing.best.as_dict(),
        "maj": standing.majority.as_dict() if standing.majority else None,
        "tokens": standing.tokens.as_dict(),
        "supervision": standing.supervision,
        "unverified": standing.unverified,
        "runs": [{"run_id": run.run_id, "seed": run.seed, "avg": avg} for run, avg in runs],
        "tuned": tuning.chosen if tuning else None,
        "cost": asdict(standing.cost),
        **submission_notes.as_data(standing),
        "curve": [asdict(point) for point in curve(table, standing.label)],
    }


def _pair(pair: Pair | None) -> dict[str, Any] | None:
    return {**asdict(pair), "decision": pair.decision} if pair else None


def _flat_standing(table: TaskTable, standing: Standing) -> dict[str, Any]:
    figures = {"avg": standing.avg, "pass": standing.best, "maj": standing.majority, "tokens": standing.tokens}
    pair = standing.over_reference
    flat: dict[str, Any] = {"rank": standing.rank, "group": standing.group, "method": standing.label}
    flat["samples_per_question"] = table.samples_per_question
    for name, figure in figures.items():
        flat |= _flat(name, figure)
        if name == "avg":
            flat |= {"reference": table.reference, **_flat("difference", pair.difference if pair else None)}
            flat |= {"p": pair.p if pair else None, "p_holm": pair.p_holm if pair else None}
            flat |= {"decision": pair.decision if pair else None}
    seeds = " ".join(str(run.seed) for run in standing.row.runs)
    c = table.group.conditions
    sets = {"question_set": c["question set"], "test_set": c["test set"]}
    return flat | {"seeds": seeds, "supervision": standing.supervision, "unverified": standing.unverified, **sets}


def _flat_pair(pair: Pair) -> dict[str, Any]:
    sides = {"before": pair.before, "after": pair.after}
    figures = {"p": pair.p, "p_equivalent": pair.p_equivalent, "decision": pair.decision, "seeds": pair.seeds}
    return sides | _flat("difference", pair.difference) | figures


def _flat(name: str, figure: Estimate | None) -> dict[str, float | None]:
    values = (figure.mean, figure.low, figure.high) if figure else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()
