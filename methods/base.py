"""The base policy, not trained at all: what every method has to beat."""

from __future__ import annotations

from sdzero_bench.training.cost import Passes, Typical
from sdzero_bench.training.method import Method
from sdzero_bench.training.run import Checkpoint, Run


class Base(Method):
    """No training; the run measures the base policy."""

    name = "base"
    summary = "the base policy as it is, measured and not trained"
    paper = "none"
    supervision = "nothing"
    trains = False

    def plan(self, questions: int) -> dict[str, int]:
        return {}

    def expected(self, questions: int, typical: Typical) -> dict[str, Passes]:
        return {}

    def measured(self, typical: Typical) -> dict[str, float]:
        return {}

    def train(self, run: Run) -> Checkpoint:
        return run.base
