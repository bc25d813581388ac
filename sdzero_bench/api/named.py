"""`sdz.methods` and `sdz.tasks`: the packages themselves, which are mappings from names to classes as well."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sdzero_bench.api.html_fragment import fragment
from sdzero_bench.core.errors import UserError
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.report.rendering.blocks import Table
from sdzero_bench.runs import registry

if TYPE_CHECKING:
    from sdzero_bench.core.task import Task
    from sdzero_bench.training.method import Method

T = TypeVar("T")


class UnknownName(UserError, KeyError):
    """No method, task or run has this name; the message suggests the closest one."""

    __str__ = Exception.__str__  # KeyError's shows the message in quotes


class ByName(ModuleType, Mapping[str, T], Generic[T]):
    """Classes by name, those of installed plug-ins included. Nothing is imported before the first one is asked for."""

    # A mapping is compared by its content; a module has to stay hashable.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getitem__(self, name: str) -> T:
        """Raises `UnknownName`, a `UserError` and a `KeyError`, which suggests the closest name."""
        try:
            return cast(T, _LOOKUPS[self.__name__][0](name))
        except UserError as error:
            raise UnknownName(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(_LOOKUPS[self.__name__][1]())

    def __len__(self) -> int:
        return len(_LOOKUPS[self.__name__][1]())

    def __repr__(self) -> str:
        rows = self._rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join([f"{self.__name__}, {len(self)} names:", *(f"  {name:<{width}}  {said}" for name, said in rows)])

    def _repr_html_(self) -> str:
        kind = self.__name__.rpartition(".")[2].removesuffix("s")
        return fragment([Table([kind, "what it is"], self._rows(), left=2)])

    def _rows(self) -> list[list[str]]:
        """Names and what they are; families of names, such as `rg:NAME`, come last."""
        _, named, families = _LOOKUPS[self.__name__]
        found = [[name, cls.summary] for name, cls in named().items()]
        return found + [[family.form, family.summary] for family in families().values()]


def _package(name: str) -> ModuleType:
    package = importlib.import_module(f"sdzero_bench.{name}")
    package.__class__ = ByName
    return package


Lookup = tuple[Callable[[str], Any], Callable[[], Mapping[str, Any]], Callable[[], Mapping[str, type[TaskFamily]]]]

_LOOKUPS: dict[str, Lookup] = {
    "sdzero_bench.methods": (registry.method, registry.methods, dict),
    "sdzero_bench.tasks": (registry.task, registry.tasks, registry.task_families),
}
"""How a name is looked up, the registered names, and the families of further ones."""

methods = cast("ByName[type[Method]]", _package("methods"))
tasks = cast("ByName[type[Task]]", _package("tasks"))
