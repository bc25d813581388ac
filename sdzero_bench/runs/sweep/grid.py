"""The runs of a sweep with their settings and folders, all determined before the first run starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sdzero_bench.core.bench_version import BENCH_VERSION, major
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.schema import Origin, TuningRecord
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import differing_settings, resolve, validate

BASE = "base"
"""The method that evaluates the untrained policy, which every comparison needs once."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep."""

    config: RunConfig
    folder: Path
    label: str
    """A short name for display."""
    tuning: TuningRecord | None = None
    """How its settings were chosen, for the manifest; see tuning.py."""
    origin: Origin | None = None
    """The run whose policy it evaluates, for the manifest."""

    @property
    def name(self) -> str:
        return self.folder.name

    def is_finished(self) -> bool:
        """Whether its folder holds the finished run. Raises `UserError` if the folder holds another one."""
        manifest = RunFolder(self.folder).manifest
        if manifest is None:
            return False
        if changed := differing_settings(validate(manifest.config), self.config):
            names = ", ".join(key for key, _, _ in changed)
            raise UserError(f"{str(self.folder)!r} holds a run with other settings ({names}) than its name says; move it away")
        if major(manifest.bench_version) != major(BENCH_VERSION):
            raise UserError(
                f"{str(self.folder)!r} holds a run of bench version {manifest.bench_version}, whose figures are not comparable "
                f"with those of this one, {BENCH_VERSION}; move it away, or choose another folder with --out"
            )
        return manifest.state == "finished"


def planned(
    config: RunConfig,
    out: Path,
    tuning: TuningRecord | None = None,
    note: str = "",
    origin: Origin | None = None,
) -> PlannedRun:
    """The run of `config` below `out`. The folder name is a function of the settings, so that the same run is found again."""
    method, task = config.method["name"], config.task["name"]
    name = f"{method}-{task}-s{config.seed}".replace(":", "-").replace("/", "-")
    label = f"{method} {task} s{config.seed}{note and ' ' + note}"
    return PlannedRun(config, out / f"{name}-{digest(config, tuning)}", label, tuning, origin)


def digest(config: RunConfig, tuning: TuningRecord | None = None) -> str:
    """SHA-256 of the settings without the seed and of the grid they were chosen from, 8 hex digits."""
    settings = deciding(config.model_dump(mode="json", exclude={"seed"}))
    decides = {"config": settings, "grid": tuning and tuning.grid}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]


LATER: dict[str, dict[str, object]] = {
    "engine": {"dtype": "auto", "sleep": False},
    "evaluation": {
        "localise": 0,
        "revision_tokens": None,
        "curve_questions": 0,
        "curve_at": [0.25, 0.5, 0.75, 1.0],
        "curve_samples": 4,
        "curve_keep": False,
        "forgetting": [],
        "forgetting_questions": 100,
        "forgetting_samples": 4,
        "kl": 0,
    },
    "model": {"attention": "auto", "thinking": None},
    "optimizer": {"name": "adamw", "micro_batch_tokens": None},
    "method": {"phases": "both", "teacher_told": "reward"},
}
"""Settings introduced after the first records, each with the value at which it changes nothing."""


def deciding(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings without those of `LATER` that change nothing, so that a sweep finds runs made before they existed."""
    kept = dict(settings)
    for section, later in LATER.items():
        if isinstance(values := kept.get(section), Mapping):
            kept[section] = {name: value for name, value in values.items() if later.get(name, _UNSET) != value}
    return kept


_UNSET = object()


def changed(config: RunConfig, values: Mapping[str, object]) -> RunConfig:
    """`config` with other values at dotted keys, validated again. Raises `UserError` for an invalid key or value."""
    settings = config.model_dump(mode="json")
    for key, value in values.items():
        *sections, last = key.split(".")
        section = settings
        for name in sections:
            section = section[name]
        section[last] = value
    return validate(settings)


@dataclass(frozen=True)
class Tuned:
    """Settings chosen for a method on a task, in the form of `--set`, and how they were chosen, for the manifest."""

    assignments: Sequence[str]
    record: TuningRecord | None


UNTUNED = Tuned((), None)


@dataclass(frozen=True)
class Grid:
    """What the user requested. `runs` raises `UserError` for the first invalid name or value."""

    methods: Sequence[str]
    tasks: Sequence[str | None]
    """None is the task of the preset or the config file."""
    seeds: Sequence[int]
    parts: Sequence[float] = ()
    """Fractions of the training questions, each a smaller budget in addition to the whole one."""
    preset: str = "micro"
    model: str | None = None
    file: Path | None = None
    assignments: Sequence[str] = ()

    @property
    def trained(self) -> list[str]:
        return [method for method in self.methods if method != BASE]

    def config(self, method: str, task: str | None, seed: int, assignments: Iterable[str] = ()) -> RunConfig:
        """The settings of one run. It does not evaluate the base policy, which has a run of its own, unless evaluation.base was
        set."""
        config = resolve(method, self.preset, self.file, [*self.assignments, *assignments], self.model, task, seed)
        return config if "base" in config.evaluation.model_fields_set else changed(config, {"evaluation.base": False})

    def base(self, task: str | None) -> RunConfig:
        """The run that evaluates the base policy under the settings of the others, without options of methods."""
        if not self.trained:
            return resolve(BASE, self.preset, self.file, list(self.assignments), self.model, task, 0)
        config = self.config(self.trained[0], task, 0)
        return changed(config, {"method": {"name": BASE}, "evaluation.base": True})

    def runs(self, out: Path, choose: Callable[[str, str | None], Tuned | None] | None = None) -> list[PlannedRun]:
        """Base runs first, then seed by seed, so that an interrupted sweep allows comparisons; parts of the budget last.

        `choose(method, task)` returns the tuned settings, or None to leave the method out.
        """
        found = [planned(self.base(task), out) for task in self.tasks]
        cells = [(seed, task, method) for seed in self.seeds for task in self.tasks for method in self.trained]
        for part in (None, *self.parts):
            for seed, task, method in cells:
                tuned = choose(method, task) if choose else UNTUNED
                if tuned is None:
                    continue
                config = self.config(method, task, seed, tuned.assignments)
                if part is None:
                    found.append(planned(config, out, tuned.record))
                else:
                    found.append(planned(_first(config, part), out, tuned.record, f"{100 * part:g}%"))
        return list({run.folder: run for run in found}.values())  # two parts may round to the same questions


def _first(config: RunConfig, part: float) -> RunConfig:
    """The same run on the first fraction `part` of its training questions."""
    return changed(config, {"questions.train": round(part * _whole(json.dumps(config.task), config.questions.train))})


@cache
def _whole(task: str, train: int | None) -> int:
    options = json.loads(task)
    cls = registry.task(options.pop("name"))
    return len(cls(cls.Options(**options)).load("train").head(train))
