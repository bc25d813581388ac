"""Tasks whose class is created on request, from a YAML file or for a name such as `rg:gcd`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from sdzero_bench.core.task import ProgramRunner, Task


class DynamicTask(Task):
    """A task whose class worker processes create again, since a class that no module holds cannot be pickled."""

    factory: ClassVar[Callable[[str], type[Task]]]
    """A module-level function that creates the class."""
    made_from: ClassVar[str]
    """Its argument."""

    def __reduce__(self) -> tuple[object, ...]:
        return _create_again, (type(self).factory, self.made_from, self.options.model_dump(), self.sandbox)


def _create_again(
    factory: Callable[[str], type[Task]], made_from: str, options: dict[str, object], sandbox: ProgramRunner | None
) -> Task:
    cls = factory(made_from)
    made = cls(cls.Options(**options))
    made.sandbox = sandbox
    return made


class TaskFamily(ABC):
    """Tasks of one kind, named `PREFIX:REST`."""

    name: ClassVar[str]
    """The prefix."""
    form: ClassVar[str]
    """The form of a name, for `sdzero-bench tasks`."""
    summary: ClassVar[str]
    source: ClassVar[str]

    @staticmethod
    @abstractmethod
    def task(rest: str) -> type[Task]:
        """The task `PREFIX:REST`, the same class on each call. Raises `UserError` if there is none."""
