"""What a method has to say: how many samples it will draw, and how it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from .run import Checkpoint, Run


class MethodOptions(BaseModel):
    """Options of a method, set with `--set method.KEY=VALUE`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Method(ABC):
    """A post-training method: a recipe over the parts that a `Run` offers.

    A module in methods/ defines one subclass, and reads like the algorithm of its paper. Its docstring states the paper,
    the objective, and where it departs from either.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    supervision: str = "verifier rewards"
    """What the method is shown of its training questions beside their text; a property where it depends on the options."""
    Options: ClassVar[type[MethodOptions]] = MethodOptions
    trains: ClassVar[bool] = True
    """Whether it needs training questions."""

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    @abstractmethod
    def plan(self, questions: int) -> dict[str, int]:
        """At most how many training samples each phase will draw on so many questions.

        Checked against the budget before anything is sampled. Raises `UserError` if there are too few questions.
        """

    @abstractmethod
    def train(self, run: Run) -> Checkpoint:
        """Train, starting at `run.base`, and return the final policy."""
