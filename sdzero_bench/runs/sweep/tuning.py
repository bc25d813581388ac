"""Tunes each method's settings on the validation split, with the same number of trials for every method."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.search_space import LEARNING_RATE, OneOf, Range, points
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.ledger import measures
from sdzero_bench.records.record_files import read_evaluation, read_ledger
from sdzero_bench.records.schema import TuningRecord, TuningTrial
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import NOTHING_MORE, load_preset
from sdzero_bench.runs.sweep.grid import Grid, PlannedRun, Tuned, changed, planned

SPLIT = "validation"
SEED = 0
SECTIONS = ("optimizer", "method")
"""Sections that may be tuned; all other settings are the same for all methods of a comparison."""

TRIALS = 8

Point = dict[str, str]
"""Values by key, as they are written after `--set KEY=`."""


@dataclass(frozen=True)
class Trial:
    run: PlannedRun
    assignments: tuple[str, ...]
    """The point, in the form of `--set`."""
    values: dict[str, Any]
    """The same values by key, as in the settings."""


class SharedGrid:
    """The product of the values of each key, the same for every method."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self.values = values

    def points(self, method: str) -> list[Point]:
        return [dict(zip(self.values, point, strict=True)) for point in itertools.product(*self.values.values())]

    def space(self, method: str) -> None:
        return None


class OwnSpaces:
    """Quasi-random points of the search space that each method declares, the same number for every method."""

    def __init__(self, learning_rate: Range, trials: int) -> None:
        self.learning_rate = learning_rate
        self.trials = trials

    def points(self, method: str) -> list[Point]:
        return [{key: json.dumps(value) for key, value in point.items()} for point in points(self.space(method), self.trials)]

    def space(self, method: str) -> dict[str, Range | OneOf]:
        own = registry.method(method).search
        return {LEARNING_RATE: self.learning_rate, **{f"method.{key}": of for key, of in own.items()}}


class Tuning:
    """The trials of every method on every task of `grid`.

    Raises `UserError` for an invalid key or value, and for a setting that would bypass what is tried.
    """

    def __init__(self, grid: Grid, tried: SharedGrid | OwnSpaces, out: Path) -> None:
        self.tried = tried
        for task in grid.tasks:
            if grid.trained and grid.config(grid.trained[0], task, SEED).evaluation.split == SPLIT:
                raise UserError(
                    f"settings are tuned on {SPLIT} questions, and not reported on them too; leave out evaluation.split"
                )
        self.trials: dict[tuple[str, str | None], list[Trial]] = {}
        for method in grid.trained:
            found = tried.points(method)
            for key in found[0]:
                if key.partition(".")[0] not in SECTIONS:
                    raise UserError(f"{key!r} cannot be tuned; a grid takes only {' or '.join(f'{s}.KEY' for s in SECTIONS)}")
                if given := [text for text in grid.assignments if text.partition("=")[0].strip() == key]:
                    raise UserError(
                        f"--set {given[0]} would bypass tuning, which tries values of the same key; drop one of them"
                    )
            for task in grid.tasks:
                self.trials[method, task] = [_trial(grid, method, task, point, out) for point in found]

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
        record = TuningRecord(grid=grid, space=self.tried.space(method), split=SPLIT, trials=rows, chosen=trials[best].values)
        return Tuned(trials[best].assignments, record)


def shared_grid(texts: Sequence[str]) -> SharedGrid:
    """The grid of `KEY=V1,V2` texts. Raises `UserError` if there is nothing to choose."""
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or key.strip() in found:
            raise UserError(f"--grid {text!r} is not KEY=V1,V2,V3 with each key once")
        found[key.strip()] = list(dict.fromkeys(value.strip() for value in values.split(",")))
        if "" in found[key.strip()]:
            raise UserError(f"--grid {text!r} has an empty value; give KEY=V1,V2,V3")
    if alone := [key for key, values in found.items() if len(set(map(_parsed, values))) < len(values) or len(values) < 2]:
        raise UserError(f"the grid has only one value of {alone[0]}, or one twice; give two or more, or set it with --set")
    return SharedGrid(found)


def _parsed(text: str) -> str:
    """Equal for the same value: 1e-4 and 0.0001."""
    try:
        return repr(float(text))
    except ValueError:
        return text


def own_spaces(preset: str, trials: int) -> OwnSpaces:
    """The methods' search spaces, with the learning rates of the preset, which suit its model.

    Raises `UserError` for a preset that has none.
    """
    given = (load_preset(preset).get("tune") or {}).get(LEARNING_RATE)
    if given is None:
        raise UserError(f"the preset {preset!r} has no range of learning rates to tune over; add --grid KEY=V1,V2,V3")
    return OwnSpaces(Range(**given), trials)


def _trial(grid: Grid, method: str, task: str | None, point: Point, out: Path) -> Trial:
    assignments = tuple(f"{key}={value}" for key, value in point.items())
    config = grid.config(method, task, SEED, assignments)
    for key in (key for key in point if key.startswith("optimizer.")):
        if bypass := list(_overrides(config.method, key.rpartition(".")[2], "method", key)):
            raise UserError(f"{bypass[0]} of {method} would bypass tuning of {key}; leave it out")
    # Trials are judged by their accuracy alone.
    config = changed(config, {"evaluation.split": SPLIT, "evaluation.base": False, "evaluation.revise": False, **NOTHING_MORE})
    note = " ".join(text.rpartition(".")[2] for text in assignments)
    return Trial(planned(config, out, note=note), assignments, {key: _value(config, key) for key in point})


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
