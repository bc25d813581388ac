"""Tunes each method's settings on the validation split, from the same small grid and with the same number of trials."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.record_files import read_evaluation, read_ledger
from sdzero_bench.records.schema import TuningRecord, TuningTrial
from sdzero_bench.runs.config import NOTHING_MORE, load_preset
from sdzero_bench.runs.sweep.grid import Grid, PlannedRun, Tuned, changed, planned

SPLIT = "validation"
SEED = 0
SECTIONS = ("optimizer", "method")
"""Sections that may be tuned; all other settings are the same for all methods of a comparison."""


@dataclass(frozen=True)
class Trial:
    run: PlannedRun
    assignments: tuple[str, ...]
    """The point of the grid, in the form of `--set`."""
    values: dict[str, Any]
    """The same values by key, as in the settings."""


class Tuning:
    """The trials of every method on every task of `grid`, over the product of the values of each key.

    Raises `UserError` for an invalid key or value, and for a setting that would bypass the grid.
    """

    def __init__(self, grid: Grid, values: Mapping[str, Sequence[str]], out: Path) -> None:
        for key in values:
            if key.partition(".")[0] not in SECTIONS:
                raise UserError(f"{key!r} cannot be tuned; a grid takes only {' or '.join(f'{s}.KEY' for s in SECTIONS)}")
            if given := [text for text in grid.assignments if text.partition("=")[0].strip() == key]:
                raise UserError(f"--set {given[0]} would bypass the grid, which tries values of the same key; drop one of them")
        points = [
            tuple(f"{key}={value}" for key, value in zip(values, point, strict=True))
            for point in itertools.product(*values.values())
        ]
        self.trials = {
            (method, task): [_trial(grid, method, task, point, list(values), out) for point in points]
            for task in grid.tasks
            for method in grid.trained
        }

    @property
    def runs(self) -> list[PlannedRun]:
        return [trial.run for trials in self.trials.values() for trial in trials]

    def choose(self, method: str, task: str | None) -> Tuned | None:
        """The values with the best avg@k, the first on ties; None if a trial is missing, since the choice would be unfair."""
        trials = self.trials[method, task]
        if not all(trial.run.is_finished() for trial in trials):
            return None
        rows = [_measured(trial) for trial in trials]
        best = max(range(len(rows)), key=lambda i: rows[i].avg_at_k)  # max() returns the first on ties
        grid = {key: list(dict.fromkeys(trial.values[key] for trial in trials)) for key in trials[0].values}
        record = TuningRecord(grid=grid, split=SPLIT, trials=rows, chosen=trials[best].values)
        return Tuned(trials[best].assignments, record)


def grid_values(texts: Sequence[str], preset: str) -> dict[str, list[str]]:
    """Values by key, from `KEY=V1,V2` texts or from the preset's `tune:`. Raises `UserError` if there is nothing to choose."""
    if texts:
        found = {}
        for text in texts:
            key, equals, values = text.partition("=")
            if not equals or key.strip() in found:
                raise UserError(f"--grid {text!r} is not KEY=V1,V2,V3 with each key once")
            found[key.strip()] = list(dict.fromkeys(value.strip() for value in values.split(",")))
    else:
        given = load_preset(preset).get("tune") or {}
        if not given:
            raise UserError(f"the preset {preset!r} has no grid to tune over; add --grid KEY=V1,V2,V3")
        found = {key: [str(value) for value in values] for key, values in given.items()}
    if alone := [key for key, values in found.items() if len(values) < 2]:
        raise UserError(f"the grid has only one value of {alone[0]}; give two or more, or set it with --set")
    return found


def _trial(grid: Grid, method: str, task: str | None, point: tuple[str, ...], keys: list[str], out: Path) -> Trial:
    config = grid.config(method, task, SEED, point)
    for key in keys:
        if bypass := list(_overrides(config.method, key.rpartition(".")[2], "method", key)):
            raise UserError(f"{bypass[0]} of {method} would bypass the grid of {key}; leave it out")
    # Trials are judged by their accuracy alone.
    config = changed(config, {"evaluation.split": SPLIT, "evaluation.base": False, "evaluation.revise": False, **NOTHING_MORE})
    note = " ".join(text.rpartition(".")[2] for text in point)
    return Trial(planned(config, out, note=note), point, {key: _value(config, key) for key in keys})


def _overrides(options: Mapping[str, Any], name: str, path: str, key: str) -> Iterator[str]:
    """Set options with the name of the tuned setting at any depth, as `path=value`."""
    for option, value in options.items():
        here = f"{path}.{option}"
        if isinstance(value, Mapping):
            yield from _overrides(value, name, here, key)
        elif option == name and here != key and value is not None:
            yield f"{here}={value}"


def _value(config: RunConfig, key: str) -> Any:
    value: Any = config.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    return value


def _measured(trial: Trial) -> TuningTrial:
    folder = trial.run.folder
    final = read_evaluation(folder)[-1]
    used = sum(use.samples for phase, use in read_ledger(folder).items() if not measures(phase))
    return TuningTrial(values=trial.values, avg_at_k=final.avg_at_k, run_id=folder.name, samples=used)
