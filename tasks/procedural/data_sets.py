"""Data sets of reasoning-gym: by name, with their options of size and difficulty."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.errors import UserError, unknown

if TYPE_CHECKING:
    from reasoning_gym.dataset import ProceduralDataset

SCORED_AT_SEED = 0
"""The data set that scores answers; its seed decides nothing."""


def known_data_set(name: str) -> str:
    """The name, if reasoning-gym has such a data set; `UserError` with the nearest one if not."""
    from reasoning_gym.factory import DATASETS

    if name == "composite":
        raise UserError("rg:composite is no data set, it mixes others; name one of them")
    if name not in DATASETS:
        raise unknown("reasoning-gym data set", name, DATASETS)
    return name


def settings(name: str, config: dict[str, Any], level: int | None) -> dict[str, Any]:
    """All options of the data set but seed and size: its defaults, those of a level of its curriculum, and `config` over them.

    Raises `UserError` for options that it does not have or refuses.
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
        curriculum: Any = create_curriculum(name)
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
        raise UserError(f"rg:{name} refuses these options: {str(error).strip() or type(error).__name__}") from error
    return {name: getattr(made, name) for name in fields}


def data_set(name: str, config: dict[str, Any], level: int | None, seed: int, size: int) -> ProceduralDataset:
    from reasoning_gym.factory import create_dataset

    return create_dataset(name, **settings(name, config, level), seed=seed, size=size)


@lru_cache(maxsize=4)
def scorer(name: str, config: str, level: int | None) -> ProceduralDataset:
    """The data set whose `score_answer` is asked; some take half a second to make. `config` is JSON."""
    return data_set(name, json.loads(config), level, SCORED_AT_SEED, 1)


def _as(default: Any, value: Any) -> Any:
    """YAML has lists where a data set has tuples."""
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value
