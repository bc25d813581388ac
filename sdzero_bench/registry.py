"""Finds methods and tasks: those of this distribution, and those that installed packages offer as entry points.

A plug-in names its class in its own pyproject.toml, under the group "sdzero_bench.methods" or "sdzero_bench.tasks".
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from .errors import UserError, unknown
from .method import Method
from .task import Task


@cache
def methods() -> dict[str, type[Method]]:
    return _find("sdzero_bench.methods", Method)


@cache
def tasks() -> dict[str, type[Task]]:
    return _find("sdzero_bench.tasks", Task)


def method(name: str) -> type[Method]:
    """The method of that name; `UserError` with the nearest name if there is none."""
    if name not in methods():
        raise unknown("method", name, methods())
    return methods()[name]


def task(name: str) -> type[Task]:
    """The task of that name; `UserError` with the nearest name if there is none."""
    if name not in tasks():
        raise unknown("task", name, tasks())
    return tasks()[name]


def _find(package_name: str, base: type[Any]) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    package = importlib.import_module(package_name)
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg:
            continue  # a package holds what a module of the same folder needs
        module = importlib.import_module(f"{package_name}.{info.name}")
        for cls in vars(module).values():
            own = inspect.isclass(cls) and issubclass(cls, base) and cls.__module__ == module.__name__
            if own and not inspect.isabstract(cls):
                _add(found, cls)
    for point in entry_points(group=package_name):
        _add(found, point.load())
    return dict(sorted(found.items()))


def _add(found: dict[str, type[Any]], cls: type[Any]) -> None:
    if cls.name in found:
        first = found[cls.name]
        raise UserError(
            f"the name {cls.name!r} is taken twice, by {first.__module__}.{first.__qualname__} "
            f"and {cls.__module__}.{cls.__qualname__}; rename or uninstall one"
        )
    found[cls.name] = cls
