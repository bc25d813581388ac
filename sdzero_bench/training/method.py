"""What a method declares: the phases it goes through, what it needs, and how it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.search_space import SearchSpace
from sdzero_bench.core.settings import Options
from sdzero_bench.training.phrases import STANDARD, ControlPhrases
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.returned_values import check_returned

if TYPE_CHECKING:
    from sdzero_bench.training.cost import Passes, Typical
    from sdzero_bench.training.run import Checkpoint, Run


VERIFIER_REWARDS = "verifier rewards"
"""What a method says that learns from nothing else (`Method.supervision`)."""


class MethodOptions(Options):
    """Options of a method, set with `--set method.KEY=VALUE`."""

    RECIPES: ClassVar[Mapping[str, dict[str, Any]]] = {}
    """Named sets of options, chosen with `--set method.recipe=NAME`; they override a preset and are overridden by `--set`."""


class Method(ABC):
    """A post-training method: a recipe over the parts that a `Run` offers.

    A module in methods/ defines one subclass, which reads like the algorithm of its paper. Its docstring states the paper,
    the objective, and where it departs from either.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    paper: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = MethodOptions
    trains: ClassVar[bool] = True
    """Whether it needs training questions."""
    control: ClassVar[bool] = False
    """Whether it is a control, which leaderboards show below the line, without a rank."""

    search: ClassVar[SearchSpace] = {}
    """Options that a tuned leaderboard tries besides the learning rate, three at most; none changes how much is sampled."""

    options: MethodOptions

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        check_returned(cls)

    def __init__(self, options: MethodOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @property
    def supervision(self) -> str:
        """What the method learns from besides the text of its training questions."""
        return VERIFIER_REWARDS

    @property
    def reviser(self) -> str | None:
        """Name of the checkpoint that is trained to revise, if there is one; a kept policy is labelled alike."""
        return None

    @property
    def phrases(self) -> ControlPhrases:
        """The control phrases that its policies read before they revise."""
        return STANDARD

    @abstractmethod
    def phases(self, questions: int) -> Sequence[Phase]:
        """The phases on this number of training questions, in order; the policy of the last one is the final policy.

        `train` draws and trains in these phases, and in no others. Raises `UserError` if there are too few questions.
        """

    @abstractmethod
    def train(self, run: Run) -> Checkpoint:
        """Train, starting at `run.base`, and return the final policy."""

    def plan(self, questions: int) -> dict[str, int]:
        """How many training samples each phase draws, at most.

        Compared with the budget before anything is sampled. Raises `UserError` if there are too few questions.
        """
        return {phase.name: phase.samples for phase in self.phases(questions) if phase.draws}

    def expected(self, questions: int, typical: Typical) -> dict[str, Passes]:
        """About how many tokens each training phase sends through a model.

        Raises `UserError` if a phase does not declare it: the method then trains, but cannot be planned.
        """
        found: dict[str, Passes] = {}
        for phase in self.phases(questions):
            if phase.trains:
                if phase.passes is None:
                    raise UserError(f"{self.name} cannot be planned: its phase {phase.name!r} does not declare its passes")
                found[phase.name] = phase.passes(typical)
        return found

    def measured(self, questions: int) -> dict[str, Phase]:
        """The policies that are measured besides the base, each with the phase that trains it."""
        phases = self.phases(questions)
        found = {phase.kept_as: phase for phase in phases if phase.kept_as is not None}
        if phases:
            found["final"] = phases[-1]
        return found
