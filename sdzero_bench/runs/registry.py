"""Finds methods and tasks: those of this distribution, and those that installed packages offer as entry points.

A plug-in names its class in its own pyproject.toml, under the group "sdzero_bench.methods" or "sdzero_bench.tasks"; or its
package, every class and YAML file of which is then found as those in methods/ and tasks/ are.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.yaml_task import task_class
from sdzero_bench.training.method import Method

TASKS = "sdzero_bench.tasks"


@cache
def methods() -> dict[str, type[Method]]:
    return _find("sdzero_bench.methods", Method)


@cache
def tasks() -> dict[str, type[Task]]:
    return _find(TASKS, Task)


@cache
def task_families() -> dict[str, type[TaskFamily]]:
    """Families of tasks by their prefix: the `rg` of `rg:gcd`."""
    return _find(TASKS, TaskFamily)


def method(name: str) -> type[Method]:
    """The method of that name; `UserError` with the nearest name if there is none."""
    if name not in methods():
        raise unknown("method", name, methods())
    return methods()[name]


def task(name: str) -> type[Task]:
    """The task of that name: a registered one, one of a family (`rg:gcd`), or a YAML file's, given its path.

    Raises `UserError` with the nearest name if there is none.
    """
    if name in tasks():
        return tasks()[name]
    prefix, colon, rest = name.partition(":")
    if colon:
        if prefix not in task_families():
            raise unknown("family of tasks", prefix, task_families())
        return task_families()[prefix].task(rest)
    if name.endswith((".yaml", ".yml")):
        return task_class(Path(name).expanduser())
    raise unknown("task", name, [*tasks(), *(family.form for family in task_families().values())])


def _find(package_name: str, base: type[Any]) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for cls in _inside(importlib.import_module(package_name), base):
        _add(found, cls)
    for point in entry_points(group=package_name):
        offered = point.load()
        for cls in _inside(offered, base) if inspect.ismodule(offered) else [offered]:
            if issubclass(cls, base):
                _add(found, cls)
    return dict(sorted(found.items()))


def _inside(package: ModuleType, base: type[Any]) -> Iterator[type[Any]]:
    """The classes that the modules of a package define, and the tasks that its YAML files describe."""
    folders = list(getattr(package, "__path__", []))
    modules = [package] if not folders else []
    for info in pkgutil.iter_modules(folders):
        if not info.ispkg:  # a package holds what a module of the same folder needs
            modules.append(importlib.import_module(f"{package.__name__}.{info.name}"))
    for module in modules:
        for cls in vars(module).values():
            own = inspect.isclass(cls) and issubclass(cls, base) and cls.__module__ == module.__name__
            if own and not inspect.isabstract(cls):
                yield cls
    if base is Task:
        for folder in folders:
            yield from (task_class(path) for path in sorted(Path(folder).glob("*.yaml")))


def _add(found: dict[str, type[Any]], cls: type[Any]) -> None:
    if cls.name in found:
        first = found[cls.name]
        raise UserError(
            f"the name {cls.name!r} is taken twice, by {first.__module__}.{first.__qualname__} "
            f"and {cls.__module__}.{cls.__qualname__}; rename or uninstall one"
        )
    found[cls.name] = cls
