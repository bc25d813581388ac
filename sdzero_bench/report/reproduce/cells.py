"""The runs that an experiment takes: a configuration for each variant, task and seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import EvaluationConfig, RunConfig
from sdzero_bench.report.reproduce.experiment import Experiment, Variant
from sdzero_bench.runs.config import NOTHING_MORE, resolve
from sdzero_bench.runs.sweep.grid import BASE, changed

ADDITIONS = ("intermediate", "revise", "localise")
"""Settings of the evaluation that measure more and change nothing of the rest."""

NOT_SHOWN = tuple(name for name in EvaluationConfig.model_fields if name == "kl" or name.startswith(("curve_", "forgetting")))
"""Others of that kind, which no experiment shows."""


@dataclass(frozen=True)
class Setting:
    """What was asked for on the command line, for all experiments alike."""

    preset: str = "micro"
    seeds: int | None = None
    """None: as many as the experiment says."""
    model: str | None = None
    file: Path | None = None
    assignments: Sequence[str] = ()


@dataclass(frozen=True)
class Cell:
    """One run of an experiment."""

    experiment: str
    variant: str
    task: str
    seed: int
    config: RunConfig


def cells(experiment: Experiment, setting: Setting) -> list[Cell]:
    """Seed by seed, so that an interrupted series can be compared; none where the preset does not support it.

    Raises `UserError` for a setting that cannot be.
    """
    here = experiment.on(setting.preset)
    if here.skip is not None:
        return []
    found = []
    for seed in range(setting.seeds or experiment.seeds):
        for task in here.tasks:
            for label, variant in experiment.variants.items():
                if variant.method == BASE and seed > 0:
                    continue  # nothing in it depends on the seed
                layers = {**experiment.set, **here.set, **variant.set, **here.variants.get(label, {})}
                # What the user sets comes last, and wins.
                given = [*(f"{key}={json.dumps(value)}" for key, value in layers.items()), *setting.assignments]
                config = resolve(variant.method, setting.preset, setting.file, given, setting.model, task, seed)
                measured = {"evaluation.base": variant.method == BASE, **NOTHING_MORE}
                if "intermediate" not in config.evaluation.model_fields_set:
                    measured["evaluation.intermediate"] = _of_intermediate(experiment, variant, config)
                config = changed(config, measured)
                found.append(Cell(experiment.name, label, config.task["name"], seed, config))
    return found


def _of_intermediate(experiment: Experiment, variant: Variant, config: RunConfig) -> bool:
    """Whether the row, or the figure, is of policies on the way to the final one; else measuring them would be for nothing."""
    return variant.policy not in (BASE, "final") or experiment.figure == "words" or config.evaluation.localise > 0


def identity(config: RunConfig) -> str:
    """The same for runs whose figures are the same. What is only measured besides, `ADDITIONS`, is left out."""
    settings = config.model_dump(mode="json", exclude={"preset", "verifying", "tracking"})
    settings["model"].pop("device")
    settings["engine"] = config.engine.name  # where its servers are has no say
    if config.engine.dtype != "auto":
        settings["engine dtype"] = config.engine.dtype
    for name in ("base", *ADDITIONS, *NOT_SHOWN):
        settings["evaluation"].pop(name, None)
    if config.method["name"] == BASE:
        # Nothing is trained: how it would be has no say.
        for name in ("seed", "budget", "optimizer", "sampling", "lora"):
            settings.pop(name)
        settings["questions"].pop("train")
    return json.dumps(settings, sort_keys=True)


def measured_besides(config: RunConfig) -> dict[str, int]:
    """How much of each addition a run measures."""
    return {name: int(getattr(config.evaluation, name, 0)) for name in ADDITIONS}


def needed(found: Iterable[Cell]) -> dict[str, RunConfig]:
    """By identity, one configuration for cells that share a run; it measures besides what any of them needs."""
    wanted: dict[str, RunConfig] = {}
    for cell in found:
        key = identity(cell.config)
        known = wanted.get(key)
        wanted[key] = cell.config if known is None else _both(known, cell.config)
    return wanted


def covers(has: Mapping[str, int], wants: Mapping[str, int]) -> bool:
    return all(has.get(name, 0) >= amount for name, amount in wants.items())


def _both(one: RunConfig, other: RunConfig) -> RunConfig:
    a, b = measured_besides(one), measured_besides(other)
    more: dict[str, Any] = {
        f"evaluation.{name}": type(getattr(one.evaluation, name))(b[name]) for name in b if b[name] > a[name]
    }
    return changed(one, more) if more else one


def require_own(setting: Setting) -> None:
    """Raises `UserError` for an assignment that other options are for."""
    for text in setting.assignments:
        if (key := text.partition("=")[0].strip()) in ("seed", "preset"):
            raise UserError(f"--set {text} has no effect here; use --{'seeds' if key == 'seed' else key}")
