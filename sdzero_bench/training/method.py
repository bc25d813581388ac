"""What a method has to say: how many samples it will draw, and how it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from sdzero_bench.core.errors import UserError
from sdzero_bench.training.phrases import NAMED, ControlPhrases

if TYPE_CHECKING:
    from sdzero_bench.training.cost import Passes, Typical
    from sdzero_bench.training.run import Checkpoint, Run


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
    holds_teacher: ClassVar[bool] = False
    """Whether a second policy, of the same size, is in memory while it trains."""

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    @property
    def phrases(self) -> ControlPhrases:
        """What its policies are told before they revise."""
        return NAMED["paper"]

    @abstractmethod
    def plan(self, questions: int) -> dict[str, int]:
        """At most how many training samples each phase will draw on so many questions.

        Checked against the budget before anything is sampled. Raises `UserError` if there are too few questions.
        """

    def expected(self, questions: int, typical: Typical) -> Mapping[str, Passes]:
        """About how many tokens each training phase will send through a model, given what samples are like.

        For `sdzero-bench plan`, which cannot plan a method without it.
        """
        raise UserError(f"{self.name} does not say how much it trains (Method.expected), so that it cannot be planned")

    def measured(self, typical: Typical) -> dict[str, float]:
        """The policies that are measured beside the base, and about how many tokens they answer with."""
        return {"final": typical.completion}

    @abstractmethod
    def train(self, run: Run) -> Checkpoint:
        """Train, starting at `run.base`, and return the final policy."""
