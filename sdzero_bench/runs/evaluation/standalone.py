"""Measuring a policy by itself: which policy is meant, and under which settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.questions.harness.harness_task import HarnessTask
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.record_files import has_manifest, is_finished, read_manifest, read_result
from sdzero_bench.records.schema import Origin
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import NOTHING_MORE, load_preset, make_task, resolve


@dataclass(frozen=True)
class Subject:
    """A policy to be measured."""

    model: str
    """As in `model.name`."""
    config: dict[str, Any] = field(default_factory=dict)
    """Of the run that it comes from."""
    origin: Origin | None = None
    """That run, for the record."""


def subject(name: str) -> Subject:
    """The policy that NAME means: a run's folder its final checkpoint, RUN/checkpoints/NAME that one, else a model.

    Raises `UserError` for a run that is unfinished, or whose checkpoints are gone, as those of a packed record are.
    """
    path = Path(name).expanduser()
    if has_manifest(path):
        return _of_run(RunFolder.open(path), None)
    if path.parent.name == "checkpoints" and has_manifest(path.parent.parent):
        return _of_run(RunFolder.open(path.parent.parent), path.name)
    return Subject(name)


def _of_run(run: RunFolder, checkpoint: str | None) -> Subject:
    manifest = read_manifest(run.path)
    if checkpoint is None:
        if not is_finished(run.path):
            raise UserError(
                f"{str(run.path)!r} is not finished; resume it with: sdzero-bench run --resume {run.path}, or name one of its "
                f"checkpoints, {run.path}/checkpoints/NAME"
            )
        # A run that trained nothing has measured the base alone.
        checkpoint = read_result(run.path).evaluation[-1].checkpoint
    config = manifest.config.model_dump(mode="json")
    origin = Origin(
        run_id=manifest.run_id,
        checkpoint=checkpoint,
        method=config["method"]["name"],
        seed=manifest.config.seed,
        question_set=manifest.question_set,
    )
    if checkpoint == "base":
        return Subject(config["model"]["name"], config, origin)
    if (folder := run.checkpoint(checkpoint)) is None:
        raise UserError(
            f"{str(run.path)!r} has no checkpoint {checkpoint!r}: packed records are without; give the folder of the run itself"
        )
    return Subject(str(folder), config, origin)


def settings_for(
    measured: Subject,
    preset: str | None,
    task: str | None,
    assignments: Sequence[str],
    k: int | None = None,
    limit: int | None = None,
    split: str | None = None,
) -> RunConfig:
    """The settings under which a policy is measured on a task; by default on that of the run that it comes from.

    Later ones override earlier: the preset, by default that of the run, or else micro; the run's own, so that figures can be
    compared with it; what a harness is used to; these arguments; `assignments`. Raises `UserError` as `config.resolve` does,
    and if no task is named anywhere.
    """
    own = measured.config
    stated = own or (load_preset(preset) if preset else {})
    name = task or stated.get("task", {}).get("name")
    if name is None:
        if measured.model in registry.tasks():
            raise UserError(
                f"{measured.model!r} is a task; give a model too, as in `sdzero-bench eval MODEL --task {measured.model}`"
            )
        raise UserError("which task? name one, such as gsm8k; `sdzero-bench tasks` lists them")
    layers: dict[str, Any] = {}
    if own:
        layers |= flatten(
            {"model": {n: own["model"].get(n) for n in ("dtype", "device", "thinking")}, "evaluation": own["evaluation"]},
            keep_empty=True,
        )
        layers |= {"sampling.batch_size": own["sampling"]["batch_size"]}
        if own["task"]["name"] == name:
            layers |= flatten({"task": own["task"]}, keep_empty=True) | {"questions.test": own["questions"]["test"]}
    layers |= {"evaluation.split": "test"}
    asked: dict[str, Any] = {"questions.measure_only": True, "evaluation.base": True}
    asked |= {"evaluation.revise": False, "evaluation.localise": 0, **NOTHING_MORE}
    if k is not None:
        asked |= {"evaluation.samples": k, "evaluation.pass_at": k}
    asked |= {key: value for key, value in {"questions.test": limit, "evaluation.split": split}.items() if value is not None}

    def config(usual: Mapping[str, Any]) -> RunConfig:
        settings = {**layers, **flatten({"evaluation": usual}, keep_empty=True), **asked}
        assigned = [f"{key}={json.dumps(value)}" for key, value in settings.items()]
        return resolve("base", preset or own.get("preset"), None, [*assigned, *assignments], measured.model, name)

    if not issubclass(registry.task(name), HarnessTask):
        return config({})
    # What a harness is used to depends on the task's own options, which `assignments` may set.
    return config(make_task(config({"samples": 1, "pass_at": 1})).usual_evaluation())
