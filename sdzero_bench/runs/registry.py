"""Finds methods and tasks: those of this distribution, and those that installed packages offer as entry points.

A plug-in names its class in its own pyproject.toml, under the group "sdzero_bench.methods" or "sdzero_bench.tasks"; or its
package, every class and YAML file of which is then found as those in methods/ and tasks/ are. What cannot be loaded is left out
and is a fault, said where its name is asked for and where names are listed; it stops nothing else.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.fault_text import fault_text
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.question_files import SUFFIXES
from sdzero_bench.questions.yaml_task import task_class
from sdzero_bench.training.method import Method

METHODS, TASKS = "sdzero_bench.methods", "sdzero_bench.tasks"

_faults: dict[tuple[str, type[Any]], dict[str, str]] = {}
"""By name, of each package and base class that was searched."""


@cache
def methods() -> dict[str, type[Method]]:
    return _find(METHODS, Method)


@cache
def tasks() -> dict[str, type[Task]]:
    return _find(TASKS, Task)


@cache
def task_families() -> dict[str, type[TaskFamily]]:
    """Families of tasks by their prefix: the `rg` of `rg:gcd`."""
    return _find(TASKS, TaskFamily)


def method(name: str) -> type[Method]:
    """The method of that name; `UserError` with its fault, or with the nearest name if there is none."""
    if name not in methods() or name in method_faults():
        raise _not_found("method", name, methods(), method_faults())
    return methods()[name]


def method_faults() -> dict[str, str]:
    """What is wrong with the methods that were left out, in a line each that names the file."""
    methods()
    return _faults.get((METHODS, Method), {})


def task_faults() -> dict[str, str]:
    """The same of tasks."""
    tasks()
    return _faults.get((TASKS, Task), {})


def task(name: str) -> type[Task]:
    """The task of that name: a registered one, one of a family (`rg:gcd`), or a YAML file's, given its path.

    Raises `UserError` with the nearest name if there is none.
    """
    if name in tasks() and name not in task_faults():
        return tasks()[name]
    prefix, colon, rest = name.partition(":")
    if colon:
        if prefix not in task_families():
            raise unknown("family of tasks", prefix, task_families())
        return task_families()[prefix].task(rest)
    if name.endswith((".yaml", ".yml")):
        return task_class(Path(name).expanduser())
    if name.endswith(SUFFIXES):
        raise UserError(f"unknown task {name!r}; a file of questions is named file:PATH, here file:{name}")
    raise _not_found("task", name, [*tasks(), *(family.form for family in task_families().values())], task_faults())


def _not_found(kind: str, name: str, known: Iterable[str], faults: Mapping[str, str]) -> UserError:
    if name in faults:
        return UserError(f"the {kind} {name!r} cannot be used: {faults[name]}")
    left_out = "".join(f"; left out: {said}" for said in faults.values())
    return UserError(f"{unknown(kind, name, known)}{left_out}")


def _find(package_name: str, base: type[Any]) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    faults = _faults[package_name, base] = {}
    points = [EntryPoint(package_name, package_name, package_name), *entry_points(group=package_name)]
    for point in points:
        with _noting(faults, point.name, f"the entry point {point.name!r}"):
            offered = point.load()
            for cls in _inside(offered, base, faults) if inspect.ismodule(offered) else [offered]:
                if issubclass(cls, base):
                    name = vars(cls).get("name", cls.__name__)
                    ours = name in found and found[name].__module__.startswith(f"{package_name}.")
                    # A built-in one stays usable, whoever takes its name.
                    with _noting(faults, f"{name} of {cls.__module__}" if ours else name, cls.__qualname__):
                        _require_complete(cls, base)
                        _add(found, cls)
    return dict(sorted(found.items()))


@contextlib.contextmanager
def _noting(faults: dict[str, str], name: str, where: str) -> Iterator[None]:
    """Keep what goes wrong as the fault of that name."""
    try:
        yield
    except UserError as error:
        faults[name] = str(error)
    except (Exception, SystemExit) as error:
        faults[name] = fault_text(error, where)


def _inside(package: ModuleType, base: type[Any], faults: dict[str, str]) -> Iterator[type[Any]]:
    """The classes that the modules of a package define, and the tasks that its YAML files describe."""
    folders = list(getattr(package, "__path__", []))
    modules = [package] if not folders else []
    for info in pkgutil.iter_modules(folders):
        if not info.ispkg:  # a package holds what a module of the same folder needs
            spec = info.module_finder.find_spec(info.name, None)
            with _noting(faults, info.name, str(spec and spec.origin)):
                modules.append(importlib.import_module(f"{package.__name__}.{info.name}"))
    for module in modules:
        own = [cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__module__ == module.__name__]
        if not any(issubclass(cls, (Method, Task, TaskFamily)) for cls in own):
            wanted = "Method" if base is Method else "Task"
            faults[module.__name__.rpartition(".")[2]] = f"{module.__file__}: no class in it is derived from {wanted}"
        yield from (cls for cls in own if issubclass(cls, base) and (not inspect.isabstract(cls) or "name" in vars(cls)))
    if base is Task:
        for path in (path for folder in folders for path in sorted(Path(folder).glob("*.yaml"))):
            with _noting(faults, path.stem, str(path)):
                yield task_class(path)


def _require_complete(cls: type[Any], base: type[Any]) -> None:
    """Raise `UserError` with what a class lacks that its base class asks for."""
    asked = [name for name, kind in base.__annotations__.items() if str(kind).startswith("ClassVar")]
    if lacking := [*(name for name in asked if not hasattr(cls, name)), *sorted(getattr(cls, "__abstractmethods__", ()))]:
        file = inspect.getsourcefile(cls)
        raise UserError(f"{file}: {cls.__qualname__} lacks {', '.join(lacking)}; see {base.__module__}.{base.__qualname__}")


def _add(found: dict[str, type[Any]], cls: type[Any]) -> None:
    if cls.name in found:
        first = found[cls.name]
        raise UserError(
            f"the name {cls.name!r} is taken twice, by {first.__module__}.{first.__qualname__} "
            f"and {cls.__module__}.{cls.__qualname__}; rename or uninstall one"
        )
    found[cls.name] = cls
