"""Tasks whose class is made when it is asked for: from a YAML file, or for a name such as `rg:gcd`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from sdzero_bench.core.task import Task


class DynamicTask(Task):
    """A task that worker processes make again: a class that no module holds cannot be pickled."""

    factory: ClassVar[Callable[[str], type[Task]]]
    """A function of a module that makes the class."""
    made_from: ClassVar[str]
    """Its argument."""

    def __reduce__(self) -> Any:
        return _make_again, (type(self).factory, self.made_from, self.options.model_dump(), self.sandbox)


def _make_again(factory: Callable[[str], type[Task]], made_from: str, options: dict[str, Any], sandbox: Any) -> Task:
    cls = factory(made_from)
    made = cls(cls.Options(**options))
    made.sandbox = sandbox
    return made


class TaskFamily(ABC):
    """Tasks of one kind, named `PREFIX:REST`."""

    name: ClassVar[str]
    """The prefix."""
    form: ClassVar[str]
    """How a name of the family looks, for `sdzero-bench tasks`."""
    summary: ClassVar[str]
    source: ClassVar[str]

    @staticmethod
    @abstractmethod
    def task(rest: str) -> type[Task]:
        """The task `PREFIX:REST`, the same class each time. Raises `UserError` if there is none."""
