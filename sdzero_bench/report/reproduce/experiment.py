"""An experiment: the question, the runs that answer it, and what is reported of them. one YAML file each."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from sdzero_bench.core.checked import checked
from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.settings import Section
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.report.leaderboard.columns import ColumnName
from sdzero_bench.runs.config import lineage

Figure = Literal["length", "localisation", "rollouts", "steps", "words"]


class Variant(Section):
    """A row: a method with some of its options set."""

    method: str
    policy: str = "final"
    """Which of the policies that the run measured: `final`, or an intermediate one."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Settings by dotted key, over those of the experiment."""


class PaperFigures(Section):
    """The paper's figures."""

    setting: str
    """Model and benchmarks, in words."""
    presets: tuple[str, ...] = ()
    """Presets of this setting: only there do the paper's figures share a table with ours."""
    columns: dict[str, dict[str, float]]
    """Heading to variant to figure."""


class OnPreset(Section):
    """What differs under a preset."""

    tasks: tuple[str | None, ...] = (None,)
    """None is the preset's own."""
    set: dict[str, Any] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of single variants, over those of the others."""
    benchmarks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By training task: further tasks on which its policies are measured."""
    skip: str | None = None
    """Why it cannot be run there."""


class Experiment(Section):
    name: str
    title: str
    question: str
    order: int
    seeds: int = Field(3, gt=0)
    set: dict[str, Any] = Field(default_factory=dict)
    """Settings of every run, by dotted key."""
    variants: dict[str, Variant]
    reference: str
    """The variant that differences are taken to."""
    columns: tuple[ColumnName, ...]
    phases: bool = False
    """Also a table of what each phase used."""
    figure: Figure | None = None
    caption: str = ""
    """Of the figure."""
    paper: tuple[PaperFigures, ...] = ()
    """One for each setting that the paper has figures of; a single one may stand without a list."""
    presets: dict[str, OnPreset] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @field_validator("paper", mode="before")
    @classmethod
    def _one_or_several(cls, paper: Any) -> Any:
        return [paper] if isinstance(paper, dict) else paper

    @model_validator(mode="after")
    def _of_its_variants(self) -> Experiment:
        named = {self.reference} | {v for paper in self.paper for column in paper.columns.values() for v in column}
        named |= {v for on in self.presets.values() for v in on.variants}
        if missing := named - set(self.variants):
            raise ValueError(f"there is no variant {sorted(missing)[0]!r}")
        return self

    def on(self, preset: str) -> OnPreset:
        """What differs under a preset: as it says, or as the nearest one does that it extends."""
        named = [name for name in lineage(preset) if name in self.presets]
        return self.presets[named[0]] if named else OnPreset()


def parse(name: str, text: str, file: Path | None = None) -> Experiment:
    """Raises `UserError`, naming the file, the key and the fault, for what is not an experiment."""
    where = repr(str(file)) if file else f"the experiment {name!r}"
    try:
        data = read_yaml(text)
        if not isinstance(data, dict):
            raise UserError("it must hold keys and values at its top level, as those that come with the package do")
        return checked(Experiment, {**data, "name": name})
    except yaml.YAMLError as error:
        raise UserError(f"{where} is not YAML: {' '.join(str(error).split())}") from error
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


@cache
def experiments() -> dict[str, Experiment]:
    """All that come with the package, by name, in the order of the paper."""
    folder = resources.files("sdzero_bench.report.experiments")
    files = [path for path in folder.iterdir() if path.name.endswith(".yaml") and path.name != "claims.yaml"]
    found = [parse(path.name.removesuffix(".yaml"), path.read_text(encoding="utf-8")) for path in files]
    return {e.name: e for e in sorted(found, key=lambda e: (e.order, e.name))}


def named(names: list[str]) -> list[Experiment]:
    """Those of these names; `all` is every one that comes with the package, a path ending in .yaml is one of your own.

    Raises `UserError` for an unknown name, and for a file that cannot be read.
    """
    known = experiments()
    own = [Path(name) for name in names if name.endswith((".yaml", ".yml"))]
    for name in names:
        if name not in known and name != "all" and Path(name) not in own:
            raise unknown("experiment", name, ["all", *known])
    return [*(e for e in known.values() if "all" in names or e.name in names), *map(_read, own)]


def _read(path: Path) -> Experiment:
    if path.stem in experiments():
        raise UserError(f"{str(path)!r} has the name of an experiment that comes with the package; give it another")
    try:
        return parse(path.stem, path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise UserError(f"cannot read the experiment {str(path)!r}: {error.strerror}") from error
