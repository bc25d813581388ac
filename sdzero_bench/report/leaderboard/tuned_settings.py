"""The settings that tuning chose for each method, and how much its trials differed."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from sdzero_bench.core.search_space import OneOf
from sdzero_bench.core.text import percent
from sdzero_bench.records.schema import TuningRecord
from sdzero_bench.report.leaderboard.conditions import value_in_words
from sdzero_bench.report.leaderboard.leaderboard import TaskTable
from sdzero_bench.report.rendering.blocks import DASH, Block, Heading, Notes, Table

LOWEST, HIGHEST = " (lowest tried)", " (highest tried)"
"""Stand after a chosen number that is at an end of those tried."""


def blocks(table: TaskTable) -> Iterator[Block]:
    """Nothing where no row was tuned."""
    rows = [
        [standing.label, *_cells(tuning)]
        for standing in table.standings
        for tuning in _distinct([run.tuning for run in standing.row.runs if run.tuning])
    ]
    if not rows:
        return
    yield Heading(4, "Tuning")
    yield Table(["method", "chosen", "avg of the trials (%)"], rows, left=2)
    notes = ["avg of the trials: lowest to highest, on validation questions. The highest was chosen, so it is biased upwards."]
    if any(end in chosen for _, chosen, _ in rows for end in (LOWEST, HIGHEST)):
        notes.append("lowest tried, highest tried: a value beyond it might be better.")
    yield Notes(notes)


def _distinct(found: list[TuningRecord]) -> Iterator[TuningRecord]:
    """Seeds of one sweep share their trials."""
    for place, tuning in enumerate(found):
        if tuning not in found[:place]:
            yield tuning


def _cells(tuning: TuningRecord) -> tuple[str, str]:
    chosen = ", ".join(f"{key}={value_in_words(value)}{_mark(tuning, key, value)}" for key, value in tuning.chosen.items())
    found = [trial.avg_at_k for trial in tuning.trials]
    return chosen or DASH, f"{percent(min(found))} to {percent(max(found))}" if found else DASH


def _mark(tuning: TuningRecord, key: str, value: JsonValue) -> str:
    """Options of which a method lists all values have no end. An edited record may lack what was tried; `validate` says so."""
    if tuning.space and isinstance(tuning.space.get(key), OneOf):
        return ""
    tried = [number for number in tuning.grid.get(key, []) if isinstance(number, int | float) and not isinstance(number, bool)]
    if len(tried) < 2:
        return ""
    return LOWEST if value == min(tried) else HIGHEST if value == max(tried) else ""
