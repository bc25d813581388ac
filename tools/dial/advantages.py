"""What SD-Zero gains over other methods in each world, from the runs of the dial."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import mean
from sdzero_bench.core.text import listed
from sdzero_bench.records.own_digests import require_as_written
from sdzero_bench.records.reader import BASE, RunRecord, load_runs
from sdzero_bench.report.leaderboard.conditions import differing
from sdzero_bench.report.leaderboard.grouping import BASE_LABEL, Row, collect
from sdzero_bench.report.leaderboard.pairs import Pair, compared
from tools.dial.dial_worlds import NAMES

PRESET = "micro"
OURS = "sdzero"
OTHERS = ("rft", "grpo", "rest_em", "srt")


@dataclass(frozen=True)
class World:
    """One model of the dial, its base and what was trained on it."""

    name: str
    avg: Estimate
    best: Estimate
    """pass@k."""
    revises: tuple[float, float] | None
    """Shares of wrong responses that the base corrects and of right ones that it keeps; None if revision was not measured."""
    rows: dict[str, Estimate]
    """avg@k of each method."""
    pairs: tuple[Pair, ...]
    """`OURS` - each other, Holm-corrected over the comparisons of all worlds of the dial, whether run or not."""
    questions: int
    """Test questions."""
    seeds: tuple[int, ...]
    """Numbers of runs of `OURS` and the others, each once."""

    @property
    def gap(self) -> float:
        """pass@k - avg@k of the base: what its samples know more than one of them does."""
        return self.best.mean - self.avg.mean


def world_of(run: RunRecord) -> str:
    """The dial names its models' folders by their worlds."""
    return Path(run.config.model.name).name


def measured(records: Path, order: Sequence[str]) -> list[World]:
    """The worlds that have runs, in this order.

    Raises `UserError` if there is none, for a world without a base or without `OURS`, and for runs that were edited or that are
    of another preset.
    """
    runs = defaultdict(list)
    for run in load_runs(records):
        if run.config.preset != PRESET:
            raise UserError(f"{str(run.folder)!r} was made with the preset {run.config.preset}, not {PRESET}")
        if run.finished:
            require_as_written(run.folder, run.manifest)
        runs[world_of(run)].append(run)
    if not runs.keys() & set(order):
        raise UserError(
            f"{str(records)!r} has runs of {listed(sorted(runs))}, and none of {listed(list(dict.fromkeys(order)))}"
        )
    tables = {name: _rows(name, runs[name]) for name in order if name in runs}
    joined = {f"{world}/{label}": row for world, rows in tables.items() for label, row in rows.items()}
    asked = [(f"{world}/{other}", f"{world}/{OURS}") for world, rows in tables.items() for other in OTHERS if other in rows]
    pairs = compared(joined, asked, absent=len(NAMES) * len(OTHERS) - len(asked))
    return [
        _world(name, rows, tuple(pair for pair in pairs if pair.after == f"{name}/{OURS}"), _revises(runs[name]))
        for name, rows in tables.items()
    ]


def _rows(name: str, runs: Sequence[RunRecord]) -> dict[str, Row]:
    groups = [group for board in collect(runs).boards for group in board]
    if len(groups) != 1:
        different = listed(differing([group.conditions for group in groups]))
        raise UserError(f"the runs of the world {name} were made under different conditions ({different}); make them anew")
    rows = {row.label: row for row in groups[0].rows}
    if missing := {BASE_LABEL, OURS} - rows.keys():
        raise UserError(f"the world {name} has no runs of {' and '.join(sorted(missing))}")
    return rows


def _revises(runs: Sequence[RunRecord]) -> tuple[float, float] | None:
    """From the run of the base that measured revisions; what methods are compared with is a run that measured none."""
    found = [entry.revision for run in runs if run.is_base and (entry := run.entry(BASE)) and entry.revision]
    if not found or found[0].correction_rate is None or found[0].kept_rate is None:
        return None
    return found[0].correction_rate, found[0].kept_rate


def _world(name: str, rows: dict[str, Row], pairs: tuple[Pair, ...], revises: tuple[float, float] | None) -> World:
    base = rows[BASE_LABEL]
    best = base.scores("pass")
    assert best is not None  # micro-arith has pass@k
    methods = {label: mean(row.avg) for label, row in rows.items() if label != BASE_LABEL}
    seeds = tuple(sorted({len(row.runs) for label, row in rows.items() if label in (OURS, *OTHERS)}))
    return World(name, mean(base.avg), mean(best), revises, methods, pairs, base.avg.shape[1], seeds)
