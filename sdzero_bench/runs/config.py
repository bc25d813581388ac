"""Settings of a run: defaults, preset, file, `--set`; each later one overrides the earlier. Unknown keys are refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from sdzero_bench.core.checked import checked, keys
from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import DamagedError, UserError, unknown
from sdzero_bench.core.settings import MIN_TEMPERATURE, RunConfig
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.policies.loading import model_path
from sdzero_bench.runs import registry

WHICH_METHOD = (
    "which method? A first run: sdzero-bench run --method sdzero (minutes; add --preset tiny for seconds); "
    "`sdzero-bench methods` lists them all"
)


def preset_names() -> list[str]:
    folder = resources.files("sdzero_bench.core.presets")
    return sorted(entry.name[: -len(".yaml")] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


NOT_SETTINGS = ("summary", "deviations", "tune", "typical", "machine")
"""Of a preset: what it is, and where it differs from what it follows; what a sweep tries; what a plan assumes."""


def load_preset(name: str) -> dict[str, Any]:
    """The preset, over the one that it extends."""
    if name not in preset_names():
        raise unknown("preset", name, preset_names())
    preset = deepcopy(_parsed_preset(name))
    extended = preset.pop("extends", None)
    return preset if extended is None else _merge(load_preset(extended), preset)


def lineage(name: str) -> list[str]:
    """The preset and those that it extends, the nearest first. Raises `UserError` for an unknown name."""
    if name not in preset_names():
        raise unknown("preset", name, preset_names())
    extended = _parsed_preset(name).get("extends")
    return [name, *(lineage(extended) if extended else [])]


@cache
def _parsed_preset(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = read_yaml(resources.files("sdzero_bench.core.presets").joinpath(f"{name}.yaml").read_text())
    return parsed


FEWEST = 2
"""Questions of a quick look: SRT validates on part of the training questions."""


def first_questions(limit: int | None) -> list[str]:
    """Assignments of a quick look at the first questions. Raises `UserError` if they are too few."""
    if limit is None:
        return []
    if limit < FEWEST:
        raise UserError(f"limit={limit}: a run needs {FEWEST} questions or more")
    return [f"questions.train={limit}", f"questions.test={limit}"]


def resolve(
    method: str | None,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] | None = None,
    model: str | None = None,
    task: str | None = None,
    seed: int | None = None,
) -> RunConfig:
    """The settings of a run. Raises `UserError` in one line for anything unknown, malformed or out of range.

    The file may name method and preset itself, as the config.yaml of a run does; without either the preset is `micro`. A preset
    may give defaults for each method under `methods:`, and settings that differ for a task under `tasks:`.
    """
    given = _read(file) if file else {}
    if preset is not None and given.get("preset", preset) != preset:
        raise UserError(f"{str(file)!r} is for the preset {given['preset']!r}, not {preset!r}; add --preset {given['preset']}")
    preset = preset or str(given.get("preset", "micro"))
    named = method or _named_method(given)
    method = named or "base"  # without a method, everything else is checked first
    registry.method(method)
    settings = {key: value for key, value in load_preset(preset).items() if key not in NOT_SETTINGS}
    per_method, per_task = settings.pop("methods", {}), settings.pop("tasks", {})
    layers = [{**given, "preset": preset}] if file else []
    layers += [_assignment(text) for text in assignments or []]
    if task is not None:
        layers.append({"task": {"name": task}})
    if model is not None:
        layers.append({"model": {"name": model}})
    if seed is not None:
        layers.append({"seed": seed})
    if named is None:
        layers = [_without(layer, "method") for layer in layers]
    chosen = settings["task"]["name"]
    for layer in layers:
        section = layer.get("task")
        chosen = section.get("name", chosen) if isinstance(section, dict) else chosen
    if not isinstance(chosen, str):
        raise UserError(f"task.name: input should be a name (given: {chosen!r})")
    registry.task(chosen)
    # Options of another method or task than the preset's must not linger.
    if chosen != settings["task"]["name"]:
        settings["task"] = {"name": chosen}
    merged = _merge(settings, per_task.get(chosen, {}))
    merged = _merge(merged, {"preset": preset, "method": {"name": method, **per_method.get(method, {})}})
    for layer in [{"method": _recipe(method, layers)}, *layers]:
        merged = _merge(merged, layer)
    if not isinstance(merged["method"], dict):
        raise UserError(f"method: input should be options of the method (given: {merged['method']!r}); name it with --method")
    if merged["method"]["name"] != method:
        raise UserError(f"the config file is for method {merged['method']['name']!r}, not {method!r}")
    config = validate(merged)
    if named is None:
        model_path(config.model.name)
        raise UserError(WHICH_METHOD)
    return config


def _recipe(method: str, layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The options of the recipe that one of the layers names, if any."""
    named = [section["recipe"] for layer in layers if isinstance(section := layer.get("method"), dict) and "recipe" in section]
    return registry.method(method).Options.RECIPES.get(str(named[-1]), {}) if named else {}


def _named_method(given: dict[str, Any]) -> str | None:
    method = given.get("method")
    return method["name"] if isinstance(method, dict) and isinstance(method.get("name"), str) else None


def validate(given: RunConfig | dict[str, Any]) -> RunConfig:
    """The settings with all options of their task and method, checked. Raises `UserError` as `resolve` does."""
    settings = given.model_dump(mode="json") if isinstance(given, RunConfig) else given
    config = checked(RunConfig, settings, more=_option_keys(settings))
    task_name, method_name = _name_of(config, "task"), _name_of(config, "method")
    others = list(keys(RunConfig))
    task_options = checked(registry.task(task_name).Options, _without(config.task, "name"), "task.", others)
    method_options = checked(registry.method(method_name).Options, _without(config.method, "name"), "method.", others)
    if config.evaluation.pass_at > config.evaluation.samples:
        raise UserError(
            f"evaluation.pass_at is {config.evaluation.pass_at}, but there are only {config.evaluation.samples} samples per "
            f"question; pass@k needs at least k (evaluation.samples)"
        )
    if config.evaluation.temperature == 0 and config.evaluation.samples > 1:
        raise UserError(
            f"evaluation.temperature is 0: all {config.evaluation.samples} samples of a question would be identical; "
            f"set evaluation.samples and evaluation.pass_at to 1, or a temperature"
        )
    if 0 < config.evaluation.temperature < MIN_TEMPERATURE:
        raise UserError(
            f"evaluation.temperature: input should be 0 for greedy decoding, or at least {MIN_TEMPERATURE:g} "
            f"(given: {config.evaluation.temperature:g})"
        )
    return config.model_copy(
        update={
            "task": {"name": task_name, **task_options.model_dump(mode="json")},
            "method": {"name": method_name, **method_options.model_dump(mode="json")},
        }
    )


def _option_keys(settings: dict[str, Any]) -> Iterator[str]:
    """The keys of the options of task and method, if both have a name."""
    for section, found in (("task", registry.task), ("method", registry.method)):
        with contextlib.suppress(UserError, KeyError, TypeError):
            yield from keys(found(settings[section]["name"]).Options, f"{section}.")


def config_in(file: Path) -> RunConfig | None:
    """The settings in the config.yaml of a run, None if it has none. Raises `UserError`, which names it, for anything else."""
    return recorded_settings(_read(file), file) if file.is_file() else None


def recorded_settings(settings: RunConfig | dict[str, Any], file: Path) -> RunConfig:
    """Settings that a run has written into a file, checked. Raises `DamagedError`, which names it."""
    try:
        return validate(settings)
    except UserError as error:
        raise DamagedError(
            f"{str(file)!r}: {error}; the file is damaged, or is of a task or method that is not here"
        ) from error


def with_changes(config: RunConfig, file: Path | None, assignments: Sequence[str]) -> RunConfig:
    """`config` with the settings of a file, and then the assignments, over it. Raises `UserError` as `resolve` does."""
    settings = config.model_dump(mode="json")
    for layer in [*([_read(file)] if file else []), *map(_assignment, assignments)]:
        settings = _merge(settings, layer)
    return validate(settings)


def differing_settings(one: RunConfig, other: RunConfig) -> list[tuple[str, Any, Any]]:
    """(dotted key, value in `one`, value in `other`) of the settings that differ; None where one of them lacks the key."""
    before, after = (flatten(config.model_dump(mode="json"), keep_empty=True) for config in (one, other))
    keys = dict.fromkeys([*before, *after])
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


NOTHING_MORE: dict[str, Any] = {"evaluation.curve_questions": 0, "evaluation.forgetting": [], "evaluation.kl": 0}
"""Settings without a learning curve and without a measurement of what was forgotten, by dotted key."""

MAY_CHANGE = (
    "engine.exchange",
    "engine.gpu_memory",
    "engine.max_model_len",
    "engine.sleep",
    "engine.urls",
    "tracking.report_to",
    "verifying.workers",
)
"""Settings that a resumed run may change: they decide where and how fast it runs, and none of its samples."""


def require_same_settings(begun: RunConfig, given: RunConfig | None, where: str) -> None:
    """Raise `UserError` with the settings in which a run that has begun differs from those given to resume it with.

    Settings of `MAY_CHANGE` may differ.
    """
    differing = differing_settings(begun, given) if given is not None else []
    if changed := [change for change in differing if change[0] not in MAY_CHANGE]:
        said = ", ".join(f"{key} (began with {old!r}, given {new!r})" for key, old, new in changed)
        raise UserError(
            f"{where} has other settings than the run began with: {said}; a resumed run keeps its settings, except for "
            f"{', '.join(MAY_CHANGE)}: undo the change, or start a new run"
        )


def _name_of(config: RunConfig, section: Literal["task", "method"]) -> str:
    name = getattr(config, section).get("name", "")
    if not isinstance(name, str):
        raise UserError(f"{section}.name: input should be a name (given: {name!r})")
    return name


def make_task(config: RunConfig) -> Any:
    cls = registry.task(config.task["name"])
    return cls(cls.Options(**_without(config.task, "name")))


def make_method(config: RunConfig) -> Any:
    cls = registry.method(config.method["name"])
    return cls(cls.Options(**_without(config.method, "name")))


def _without(section: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key != name}


def _read(file: Path) -> dict[str, Any]:
    try:
        data = read_yaml(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"cannot read the config file {str(file)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{str(file)!r} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{str(file)!r} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise UserError(f"{str(file)!r} must hold keys and values at its top level")
    return data


def _assignment(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {text!r} is not KEY=VALUE")
    try:
        parsed = read_yaml(value)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or error
        raise UserError(f"--set {key}: {value!r} is not a YAML value: {' '.join(str(why).split())}") from error
    if key.strip() == "preset":
        raise UserError(f"--set {text}: a preset is not a setting; choose it with --preset {value.strip()}")
    *above, last = key.strip().split(".")
    result: dict[str, Any] = {last: parsed}
    for part in reversed(above):
        result = {part: result}
    return result


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged
