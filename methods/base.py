"""The base policy, not trained: what every method has to beat."""

from __future__ import annotations

from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run


class Base(Method):
    """No training; the run measures the base policy."""

    name = "base"
    summary = "the base policy as it is, measured and not trained"
    paper = "none"
    supervision = "nothing"
    trains = False

    def phases(self, questions: int) -> list[Phase]:
        return []

    def train(self, run: Run) -> Checkpoint:
        return run.base
