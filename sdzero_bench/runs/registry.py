"""Finds methods and tasks: those of this distribution, and those that installed packages offer as entry points.

A plug-in names its class in its own pyproject.toml, under the group "sdzero_bench.methods" or "sdzero_bench.tasks"; or its
package, every class and YAML file of which is then found as those in methods/ and tasks/ are. What cannot be used is left out
and is a fault, said where its name is asked for and where names are listed; it stops nothing else.
"""

from __future__ import annotations

import contextlib
import inspect
import os
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

WITHOUT_PLUG_INS = "SDZERO_BENCH_WITHOUT_PLUG_INS"
"""Environment variable: if set, methods and tasks of other packages are not looked for, and none of their code runs."""

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


@cache
def built_in(package_name: str, base: Any) -> Mapping[str, type[Any]]:
    """The methods or tasks of this distribution alone, by name. No code of plug-ins runs to find them."""
    return _chosen_of(offers(package_name, base, {}, Faults()), package_name, base, Faults())


def is_built_in(method: type[Method]) -> bool:
    return method in built_in(METHODS, Method).values()


def method(name: str) -> type[Method]:
    """The method of that name; `UserError` with its fault, or with the nearest name if there is none.

    Plug-ins are imported for other names than those of built-in methods only: they cannot change what those do.
    """
    if name in built_in(METHODS, Method):
        return built_in(METHODS, Method)[name]
    if name not in methods():
        raise _not_found("method", name, methods(), method_faults())
    return methods()[name]


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
    if name in built_in(TASKS, Task):
        return built_in(TASKS, Task)[name]
    prefix, colon, rest = name.partition(":")
    if prefix in built_in(TASKS, TaskFamily) and colon:
        family: type[TaskFamily] = built_in(TASKS, TaskFamily)[prefix]
        return family.task(rest)
    if name in tasks():
        return tasks()[name]
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


def _find(package_name: str, base: Any) -> dict[str, type[Any]]:
    built_in(package_name, base)  # as they are before plug-ins are imported
    faults = _faults[package_name, base] = Faults()
    points = {}
    for group in (METHODS, TASKS) if os.environ.get(WITHOUT_PLUG_INS) is None else ():
        with faults.noting(group, f"the entry points of {group!r}"):
            points[group] = list(entry_points(group=group))
    # What a plug-in prints must not get into the output of a command.
    with contextlib.redirect_stdout(sys.stderr):
        return _chosen_of(offers(package_name, base, points, faults), package_name, base, faults)


def _chosen_of(offered: Iterable[Offered], package_name: str, base: type[Any], faults: Faults) -> dict[str, type[Any]]:
    by_name: dict[str, list[Offered]] = {}
    for one in offered:
        own = inspect.getattr_static(one.cls, "name", None)
        with faults.noting(own if isinstance(own, str) else one.cls.__name__, one.where):
            require_sound(one.cls, base)
            if all(other.cls is not one.cls for other in by_name.setdefault(one.cls.name, [])):
                by_name[one.cls.name].append(one)
    chosen = {name: _chosen(name, same, KIND[package_name], faults) for name, same in sorted(by_name.items())}
    return {name: cls for name, cls in chosen.items() if cls is not None}


def _chosen(name: str, same: list[Offered], kind: str, faults: Faults) -> type[Any] | None:
    """Of the classes of one name the built-in one, or else the only one."""
    stem = _FAMILY_FILES.get(name, name)
    if ours := next((one for one in same if one.stem.replace("-", "_") == stem.replace("-", "_")), None):
        for other in (one for one in same if one is not ours):
            faults.note(name, other.where, f"the name {name!r} is a built-in {kind}'s; choose another")
        return ours.cls
    if same[1:]:
        places = " and ".join(short_path(one.where, 60) for one in same)
        faults.note(name, places, f"the name {name!r} is taken twice, by {places}; rename or uninstall one")
        return None
    return same[0].cls
