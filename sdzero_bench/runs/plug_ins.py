"""The classes that this distribution and installed packages offer as methods and tasks, sound or not."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import reprlib
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import FileFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.yaml_task import task_class
from sdzero_bench.runs.class_check import derives
from sdzero_bench.runs.plug_in_faults import Faults
from sdzero_bench.training.method import Method

METHODS, TASKS = "sdzero_bench.methods", "sdzero_bench.tasks"
"""Our packages of them, and the groups of others' entry points."""

KIND = {METHODS: "method", TASKS: "task"}
_BASES: dict[str, tuple[type[Any], ...]] = {METHODS: (Method,), TASKS: (Task, TaskFamily)}


@dataclass(frozen=True)
class Offered:
    cls: type[Any]
    where: str
    """Its file or its entry point, for faults."""
    stem: str = ""
    """Of its file, if that is in methods/ or tasks/."""


@dataclass(frozen=True)
class _Search:
    group: str
    base: type[Any]
    elsewhere: frozenset[str]
    """Modules and packages that are offered in the other group as well."""
    faults: Faults


def offers(group: str, base: type[Any], points: Mapping[str, Sequence[EntryPoint]], faults: Faults) -> list[Offered]:
    """The classes derived from `base` that our package of that name holds, and that the group's entry points name."""
    others = (point for name, its in points.items() if name != group for point in its)
    search = _Search(group, base, frozenset(point.value.partition(":")[0].strip() for point in others), faults)
    found: list[Offered] = []
    for point in (EntryPoint(group, group, group), *points.get(group, ())):
        where = _described(point)
        with faults.noting(point.name, where):
            found += _offered_at(point, where, search)
    return found


def _described(point: EntryPoint) -> str:
    distribution = None
    with contextlib.suppress(Exception):  # of a distribution without metadata
        distribution = point.dist.name if point.dist else None
    return f"the entry point {point.name!r}" + (f" of {distribution!r}" if distribution else "")


def _offered_at(point: EntryPoint, where: str, search: _Search) -> list[Offered]:
    offered = _loaded(point)
    if inspect.ismodule(offered):
        return _inside(offered, search)
    if not isinstance(offered, type):
        raise UserError(f"{point.value} has to be a class, not {reprlib.repr(offered)}")
    if (group := _group_of(offered)) != search.group:
        remedy = f"offer it under {group}" if group else f"derive it from {_BASES[search.group][0].__name__}"
        raise UserError(f"{point.value} is not a {KIND[search.group]}; {remedy}")
    return [Offered(offered, where)] if derives(offered, search.base) else []


def _loaded(point: EntryPoint) -> Any:
    """As `EntryPoint.load`, which does not say what is missing."""
    if not point.pattern.match(point.value):
        raise UserError(f"{point.value!r} is not of the form MODULE:CLASS")
    offered: Any = importlib.import_module(point.module)
    for part in filter(None, (point.attr or "").split(".")):
        if not hasattr(offered, part):
            raise UserError(f"there is no {point.attr!r} in {point.module}")
        offered = getattr(offered, part)
    return offered


def _group_of(cls: type[Any]) -> str | None:
    return next((group for group, bases in _BASES.items() if any(derives(cls, base) for base in bases)), None)


def _inside(package: ModuleType, search: _Search) -> list[Offered]:
    """The classes that the modules of a package define, and the tasks that its YAML files describe."""
    folders, ours = list(getattr(package, "__path__", [])), package.__name__ == search.group
    modules = [] if folders else [(package.__name__, str(package.__file__), package)]
    for info in pkgutil.iter_modules(folders):
        if not info.ispkg:  # a package holds what a module of the same folder needs
            spec = info.module_finder.find_spec(info.name, None)
            file = str(spec.origin if spec else Path(getattr(info.module_finder, "path", "")) / f"{info.name}.py")
            with search.faults.noting(info.name, file):
                if isinstance(info.module_finder, FileFinder):
                    _require_readable(Path(file))
                modules.append((info.name, file, importlib.import_module(f"{package.__name__}.{info.name}")))
    found: list[Offered] = []
    for name, file, module in modules:
        with search.faults.noting(name.rpartition(".")[2], file):
            own = list(_defined_in(module, search.group))
            if not {package.__name__, module.__name__} & search.elsewhere:
                _note_misplaced(own, file, ours, search)
            found += [Offered(cls, file, name if ours else "") for cls in own if derives(cls, search.base)]
    if search.base is Task:
        for path in (path for folder in folders for path in sorted(Path(folder).glob("*.yaml"))):
            with search.faults.noting(path.stem, str(path)):
                _require_readable(path)
                found.append(Offered(task_class(path), str(path), path.stem if ours else ""))
    return found


def _defined_in(module: ModuleType, group: str) -> Iterator[type[Any]]:
    """The methods, tasks and families of tasks that a module itself defines, without abstract ones that others derive from."""
    own = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
    if not any(map(_group_of, own)):
        raise UserError(f"no class in it is derived from {_BASES[group][0].__name__}")
    return (cls for cls in own if _group_of(cls) and (not inspect.isabstract(cls) or "name" in vars(cls)))


def _note_misplaced(classes: Iterable[type[Any]], file: str, ours: bool, search: _Search) -> None:
    """Note the classes that nobody would find, since they are offered in the group of the others."""
    for cls in classes:
        if (group := _group_of(cls)) is not None and group != search.group:
            remedy = f"move it to {group.rpartition('.')[2]}/" if ours else f"offer it under {group}"
            search.faults.note(cls.__name__, file, f"{cls.__qualname__} is not a {KIND[search.group]}; {remedy}")


def _require_readable(file: Path) -> None:
    """Raise `UserError` with the plain reason; an import would say that there is no such module."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # reading a pipe would wait
            raise UserError(f"it is {'a directory' if file.is_dir() else 'a special file'}; move or rename it")
        file.open("rb").close()
    except OSError as error:
        dangling = file.is_symlink() and isinstance(error, FileNotFoundError)
        raise UserError("it is a link to a file that is gone" if dangling else f"cannot read it: {error.strerror}") from error
