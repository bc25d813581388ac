"""Tasks whose class is made when it is asked for: from a YAML file, or for a name such as `rg:gcd`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from .task import Task


class MadeTask(Task):
    """A task that worker processes make again by name: a class that no module holds cannot be pickled."""

    known_as: ClassVar[str]
    """What `registry.task` makes the class from."""

    def __reduce__(self) -> Any:
        return _make_again, (self.known_as, self.options.model_dump(), self.sandbox)


def _make_again(known_as: str, options: dict[str, Any], sandbox: Any) -> Task:
    from .registry import task

    cls = task(known_as)
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
