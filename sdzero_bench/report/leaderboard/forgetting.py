"""What was forgotten, as columns of a table: other tasks, final policy minus base, and kl(trained, base)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import COUNT, difference, mean, ratio
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.core.text import numeric_order, with_interval
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.report.leaderboard.columns import Shown
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.rendering.blocks import DASH


def columns(rows: Sequence[Row]) -> list[Shown]:
    """Those that every trained row has, each with its note; the base has none of them."""
    trained = [row for row in rows if not row.is_base]
    found = []
    tasks = {name: changes for name in _tasks(trained) if (changes := _changes(name, rows, trained))}
    for name, changes in tasks.items():
        heading = "other task (pts)" if len(tasks) == 1 else f"{name} (pts)"
        note = f"{heading.removesuffix(' (pts)')}: accuracy on {name}, which was not trained on, minus the base's."
        found.append(_shown(heading, rows, changes, note, 100, 1))
    if kl := {row.label: value for row in trained if (value := _kl(row)) is not None}:
        note = "KL(trained, base): nats per token, exact over the vocabulary, at the trained policy's own test responses."
        if len(kl) == len(trained):
            found.append(_shown("KL(trained, base)", rows, kl, note, 1, 4))
    return found


def as_data(rows: Sequence[Row]) -> dict[str, Any]:
    """The key `forgetting` of leaderboard.json, where there are such columns: estimates by heading and row."""
    found = {
        column.heading: {n: v.as_dict() for n, v in column.values.items() if isinstance(v, Estimate)}
        for column in columns(rows)
    }
    return {"forgetting": found} if found else {}


def _estimates(column: Shown) -> dict[str, dict[str, float]]:
    return {label: value.as_dict() for label, value in column.values.items() if isinstance(value, Estimate)}


def _shown(heading: str, rows: Sequence[Row], values: dict[str, Estimate], note: str, scale: float, digits: int) -> Shown:
    cells = {
        row.label: with_interval(v.mean, v.interval, scale, digits) if (v := values.get(row.label)) else DASH for row in rows
    }
    return Shown(heading, values, note, cells)


def _tasks(trained: Sequence[Row]) -> list[str]:
    """Tasks that the policies of all rows and seeds were measured on."""
    entries = [entry for row in trained for entry in row.entries]
    every = [set(entry.other_by_question or {}) for entry in entries]
    common = set.intersection(*every) if every else set()
    return [name for name in (entries[0].other_by_question or {} if entries else {}) if name in common]


def _changes(name: str, rows: Sequence[Row], trained: Sequence[Row]) -> dict[str, Estimate]:
    """After minus before, paired by question; nothing if the base was not measured on the same questions."""
    base = next((row for row in rows if row.is_base), None)
    if base is None or any(name not in (entry.other_by_question or {}) for entry in base.entries):
        return {}
    order = numeric_order((base.entries[0].other_by_question or {})[name])
    if any((e.other_by_question or {})[name].keys() != set(order) for row in (base, *trained) for e in row.entries):
        return {}
    before = _scores(base.entries, name, order)
    return {row.label: difference(before, _scores(row.entries, name, order)) for row in trained}


def _scores(entries: Sequence[PolicyEvaluation], name: str, order: Sequence[str]) -> Scores:
    return np.array([[(entry.other_by_question or {})[name][id] for id in order] for entry in entries], dtype=float)


def _kl(row: Row) -> Estimate | None:
    """Per token, over responses and seeds; None if a seed lacks it, or was measured on other questions."""
    found = [entry.kl_by_question for entry in row.entries if entry.kl_by_question]
    if len(found) < len(row.runs) or any(one.keys() != found[0].keys() for one in found):
        return None
    kl, tokens = (
        np.array([[getattr(one[id], part) for id in found[0]] for one in found], dtype=float) for part in ("kl", "tokens")
    )
    linearised = ratio(kl, tokens)
    return None if linearised is None else mean(linearised, COUNT)
