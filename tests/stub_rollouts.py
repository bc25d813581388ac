"""Rollouts of a stub engine and a stub verifier, without a model."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import Budget, Ledger
from sdzero_bench.records.rollouts import Prompt, Rollouts

PARAMETERS = SamplingParameters(temperature=1.0, top_p=1.0, max_new_tokens=24)


class StubEngine:
    """Echoes the seed; counts what it is asked for."""

    name, version, batch_size = "stub", "1", 4

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []

    def generate(self, requests: Any, parameters: SamplingParameters) -> list[Completion]:
        self.batches.append(list(requests))
        return [Completion((r.seed % 100, 0), "stop") for r in requests]


class StreamingStub(StubEngine):
    """Finishes what it is asked for from the end, `at_once` at a time; every second time it has nothing yet."""

    def __init__(self, at_once: int = 3) -> None:
        super().__init__()
        self.at_once = at_once
        self.closed = 0

    def generate_as_finished(
        self, requests: Sequence[Request], parameters: SamplingParameters
    ) -> Generator[list[tuple[int, Completion]]]:
        left = list(enumerate(requests))
        try:
            while left:
                yield []
                finished, left = left[-self.at_once :], left[: -self.at_once]
                yield list(zip((i for i, _ in finished), self.generate([r for _, r in finished], parameters), strict=True))
        finally:
            self.closed += 1


class StubVerifier:
    def verify(self, pairs: Any) -> list[Verdict]:
        return [Verdict(float(int(text) % 2)) for _, text in pairs]


def rollouts(folder: Path, allowed: int, ranks: Ranks = ALONE) -> Rollouts:
    journal = Journal(folder)
    budget = Budget(question_set="f" * 16, questions=10, samples=allowed, new_tokens_per_sample=2)
    ledger = Ledger.recount(budget, journal.phases, {})
    return Rollouts(journal, ledger, StubVerifier(), lambda ids: str(ids[0]), ranks=ranks)  # type: ignore[arg-type]


def ask(n: int) -> list[Prompt]:
    return [Prompt(Question(f"q{i}", f"text {i}", "1"), tuple(range(i % 3 + 1)), "0") for i in range(n)]
