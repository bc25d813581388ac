"""Which policies a pass@k curve compares, and the settings that all of them are measured under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.runs.config import differing_settings, make_task
from sdzero_bench.runs.evaluation.standalone import Subject, settings_for, subject

BASE = "base"
QUESTIONS = 50
"""Usual number of questions: 64 samples of each are as many as 8 samples of 400."""


@dataclass(frozen=True)
class ComparedPolicies:
    """Settings of each policy by label. They differ in the model alone."""

    configs: dict[str, RunConfig]
    subjects: dict[str, Subject]
    base: str | None
    """Label of the base; None if there is nothing to compare with."""


def compared_policies(
    names: Sequence[str],
    base: str | None,
    preset: str | None,
    task: str | None,
    assignments: Sequence[str],
    questions: int | None,
    samples: int,
) -> ComparedPolicies:
    """Policies as `eval` names them, and their base: `base`, or else the model that the runs among them were trained from.

    All are measured under the settings of the first run among them, or else of the preset, on the first `questions`; None:
    `QUESTIONS`, or all if there are fewer. Raises `UserError` if runs have
    another task or base, if two policies have one name, or as `eval` does.
    """
    found = {_label(name): subject(name) for name in names}
    if len(found) < len(names):
        raise UserError("two of the policies have the same name; give each once, and rename one of two folders of one name")
    runs = {label: own for label, own in found.items() if own.config}
    first = next(iter(runs.values()), Subject(""))
    if different := [label for label, own in runs.items() if own.config["task"] != first.config["task"]]:
        raise UserError(
            f"{next(iter(runs))!r} and {different[0]!r} have other tasks or task options, and so other questions; compare them "
            f"in two calls"
        )
    models = {str(own.config["model"]["name"]) for own in runs.values()}
    if base is None and len(models) > 1:
        raise UserError(f"the runs were trained from different models, {', '.join(sorted(models))}; say which is the --base")
    if base is not None or models:
        own_base = Subject(base or models.pop(), first.config)
        same = {label: own for label, own in found.items() if own.model != own_base.model}  # a run that trained nothing
        if BASE in same:
            raise UserError(f"a policy named {BASE!r} would be taken for the base; rename its folder")
        found = {BASE: own_base, **same}

    def settings(model: str, limit: int | None) -> RunConfig:
        return settings_for(Subject(model, first.config), preset, task, assignments, samples, limit)

    if questions is None:
        config = settings(next(iter(found.values())).model, None)
        questions = min(QUESTIONS, len(make_task(config).load(config.evaluation.split)))
    configs = {label: settings(own.model, questions) for label, own in found.items()}
    return ComparedPolicies(configs, found, BASE if BASE in found else None)


def require_same_measurement(config: RunConfig, begun: RunConfig, folder: Path) -> None:
    """Raise `UserError` if a folder holds samples that were drawn under other settings."""
    if differing := differing_settings(begun, config):
        said = ", ".join(f"{key} ({old!r} there, {new!r} now)" for key, old, new in differing)
        raise UserError(f"{str(folder)!r} was measured under other settings: {said}; give another folder with --output")


def _label(name: str) -> str:
    """A run's folder name, RUN@CHECKPOINT, or the last part of a model's name."""
    path = Path(name).expanduser()
    if path.parent.name == "checkpoints":
        return f"{path.parent.parent.resolve().name}@{path.name}"
    return path.resolve().name if path.is_dir() else path.name
