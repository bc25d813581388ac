"""Finds methods and tasks: those of this distribution, and those that installed packages offer as entry points.

A plug-in names its class in its own pyproject.toml, under the group "sdzero_bench.methods" or "sdzero_bench.tasks"; or its
package, every class and YAML file of which is then found as those in methods/ and tasks/ are. What cannot be used is left out
and is a fault, said where its name is asked for and where names are listed; it stops nothing else.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.fault_text import short_path
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.question_files import SUFFIXES
from sdzero_bench.questions.yaml_task import task_class
from sdzero_bench.runs.class_check import require_sound
from sdzero_bench.runs.plug_in_faults import Faults
from sdzero_bench.runs.plug_ins import KIND, METHODS, TASKS, Offered, offers
from sdzero_bench.training.method import Method

_FAMILY_FILES = {"evalplus": "harnesses", "file": "question_file", "lm-eval": "harnesses", "rg": "reasoning_gym"}
"""Of the built-in families of tasks. Every other built-in class has the name of its file."""

_faults: dict[tuple[str, type[Any]], Faults] = {}
"""Of each package and base class that was searched."""


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
    if name not in methods():
        raise _not_found("method", name, methods(), method_faults())
    return methods()[name]


def built_in(method: type[Method]) -> bool:
    """Whether a method is of this distribution, and its source known to whoever reads a record."""
    module = sys.modules.get(method.__module__)
    ours = method.__module__.startswith(f"{METHODS}.") and getattr(module, "__file__", None) is not None
    return ours and getattr(module, method.__name__, None) is method


def method_faults() -> dict[str, str]:
    """What is wrong with the methods that were left out, in a line each that names the file."""
    methods()
    return _faults.get((METHODS, Method), {})


def task_faults() -> dict[str, str]:
    """The same of tasks and families of tasks."""
    tasks()
    task_families()
    found = Faults(_faults.get((TASKS, Task), {}))
    for name, said in _faults.get((TASKS, TaskFamily), {}).items():
        found.keep(name, said)
    return found


def task(name: str) -> type[Task]:
    """The task of that name: a registered one, one of a family (`rg:gcd`), or a YAML file's, given its path.

    Raises `UserError` with the nearest name if there is none.
    """
    if name in tasks():
        return tasks()[name]
    prefix, colon, rest = name.partition(":")
    if colon:
        if prefix not in task_families():
            raise _not_found("family of tasks", prefix, task_families(), task_faults())
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
    faults = _faults[package_name, base] = Faults()
    by_name: dict[str, list[Offered]] = {}
    # What a plug-in prints must not get into the output of a command.
    with contextlib.redirect_stdout(sys.stderr):
        points = {}
        for group in (METHODS, TASKS):
            with faults.noting(group, f"the entry points of {group!r}"):
                points[group] = list(entry_points(group=group))
        for offered in offers(package_name, base, points, faults):
            cls = offered.cls
            own = inspect.getattr_static(cls, "name", None)
            with faults.noting(own if isinstance(own, str) else cls.__name__, offered.where):
                require_sound(cls, base)
                if all(other.cls is not cls for other in by_name.setdefault(cls.name, [])):
                    by_name[cls.name].append(offered)
    chosen = {name: _chosen(name, same, KIND[package_name], faults) for name, same in sorted(by_name.items())}
    return {name: cls for name, cls in chosen.items() if cls is not None}


def _chosen(name: str, same: list[Offered], kind: str, faults: Faults) -> type[Any] | None:
    """Of the classes of one name the built-in one, or else the only one."""
    stem = _FAMILY_FILES.get(name, name)
    if built_in := next((one for one in same if one.stem.replace("-", "_") == stem.replace("-", "_")), None):
        for other in (one for one in same if one is not built_in):
            faults.note(name, other.where, f"the name {name!r} is a built-in {kind}'s; choose another")
        return built_in.cls
    if same[1:]:
        places = " and ".join(short_path(one.where, 60) for one in same)
        faults.note(name, places, f"the name {name!r} is taken twice, by {places}; rename or uninstall one")
        return None
    return same[0].cls
