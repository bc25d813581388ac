"""Data sets of reasoning-gym by name, with their options."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError, unknown

if TYPE_CHECKING:
    from reasoning_gym.dataset import ProceduralDataset

SCORED_AT_SEED = 0
"""Seed of the data set that scores answers; it does not affect scoring."""


def known_data_set(name: str) -> str:
    """The name, if reasoning-gym has a data set of that name. Raises `UserError` with the closest name if not."""
    from reasoning_gym.factory import DATASETS

    if name == "composite":
        raise UserError("rg:composite only mixes other data sets; name one of those")
    if name not in DATASETS:
        raise unknown("reasoning-gym data set", name, DATASETS)
    return name


def settings(name: str, config: dict[str, object], level: int | None) -> dict[str, object]:
    """All options of the data set except seed and size: its defaults, or those of a level of its curriculum, overridden by
    `config`.

    Raises `UserError` for unknown or invalid options.
    """
    from reasoning_gym.factory import DATASETS, create_curriculum, has_curriculum

    cls = DATASETS[name][1]
    fields = {field.name for field in dataclasses.fields(cls)} - {"seed", "size"}
    for key in config:
        if key in ("seed", "size"):
            raise UserError(f"task.config.{key}: set task.seed, task.train, task.validation and task.test instead")
        if key not in fields:
            raise unknown(f"option of rg:{name}", key, fields)
    base = cls()
    if level is not None:
        if not has_curriculum(name):
            raise UserError(f"rg:{name} has no levels of difficulty; set task.config instead of task.level")
        curriculum = create_curriculum(name)
        highest = max(len(attribute.levels) for attribute in curriculum.attributes.values()) - 1
        if level > highest:
            raise UserError(f"rg:{name} has the levels 0 to {highest}; task.level is {level}")
        curriculum.set_global_level(level)
        base = curriculum.generate_configuration()
    try:
        made = dataclasses.replace(base, **{key: _as(getattr(base, key), value) for key, value in config.items()})
        if hasattr(made, "validate"):
            made.validate()
    except (AssertionError, TypeError, ValueError) as error:
        raise UserError(f"rg:{name} does not accept these options: {str(error).strip() or type(error).__name__}") from error
    return {name: getattr(made, name) for name in fields}


def data_set(name: str, config: dict[str, object], level: int | None, seed: int, size: int) -> ProceduralDataset:
    from reasoning_gym.factory import create_dataset

    return create_dataset(name, **settings(name, config, level), seed=seed, size=size)


@lru_cache(maxsize=4)
def scorer(name: str, config: str, level: int | None) -> ProceduralDataset:
    """The data set that scores answers; creating some takes half a second. `config` is JSON."""
    return data_set(name, json.loads(config), level, SCORED_AT_SEED, 1)


def _as(default: object, value: object) -> object:
    """The value, with a list from YAML as a tuple if the default is one."""
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value
