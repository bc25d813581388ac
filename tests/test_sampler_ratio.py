"""The ratio of the trainer's and the sampler's probabilities, and what a training step logs of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any

import pytest
import torch
from stub_rollouts import PARAMETERS, StreamingStub, StubEngine
from tiny import attempt, tiny_model

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.training.journaled_rollouts import JournaledRollouts
from sdzero_bench.training.sampler_ratio import ROLLOUTS, WatchedEngine, watched


class Sampler(StreamingStub):
    """Finishes the given completions in reverse; it takes every token to be `factor` times as likely as `model` does."""

    def __init__(self, model: Any, completions: Sequence[tuple[int, ...]], factor: float) -> None:
        super().__init__()
        self.model, self.completions, self.factor = model, completions, factor
        self.asked: list[Request] = []

    def generate_as_finished(
        self, requests: Sequence[Request], parameters: SamplingParameters
    ) -> Generator[list[tuple[int, Completion]]]:
        self.asked = list(requests)
        for position, (request, ids) in reversed(list(enumerate(zip(requests, self.completions, strict=True)))):
            logprobs = tuple(value + math.log(self.factor) for value in self.log_probabilities(request.prompt_ids, ids))
            yield [(position, Completion(ids, "length", logprobs if request.logprobs else None))]

    def log_probabilities(self, prompt: tuple[int, ...], ids: tuple[int, ...]) -> list[float]:
        with torch.no_grad():
            rows = self.model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        return rows.gather(-1, torch.tensor(ids)[:, None])[:, 0].tolist()


@pytest.mark.parametrize("length", [1, 7, 300])
def test_the_ratio_is_that_of_the_probabilities_of_the_sampled_tokens(tokenizer: Any, length: int) -> None:
    """Of evenly spaced tokens, where a completion is long."""
    model = tiny_model(tokenizer, 0).train()
    model.config.max_position_embeddings = 512
    completions = [tuple(3 + (7 * i + j) % 40 for j in range(length)) for i in range(10)]
    engine = WatchedEngine(Sampler(model, completions, factor=0.8))
    requests = [Request((5, 6, 7 + i), seed=100 + i) for i in range(10)]
    assert [c.token_ids for c in engine.generate(requests, PARAMETERS)] == completions
    ratios = engine.ratios(model, bf16=False)
    assert set(ratios) == {100, 102, 105, 107}  # a few, from the first to the last
    assert len(ratios) == ROLLOUTS
    assert list(ratios.values()) == pytest.approx([1 / 0.8] * ROLLOUTS, rel=1e-4)
    assert model.training


def test_the_engine_that_samples_from_the_trainers_model_is_not_watched() -> None:
    engine = StubEngine()
    assert watched(engine) is engine


class Trainer(JournaledRollouts):
    """What `JournaledRollouts` needs of a trainer."""

    def __init__(self, ratios: Sequence[float | None]) -> None:
        self.ratios = ratios
        self.logged: dict[str, float] = {}

    class state:
        global_step = 0

    def current_policy(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()

    @staticmethod
    def total(of_this_process: float) -> float:
        return of_this_process

    def log_step(self, **figures: float) -> None:
        self.logged |= figures

    def rollout(self, policy: Any, step: int, rows: Any) -> Any:
        from dataclasses import replace

        return [replace(attempt("q", (1, 2)), sampler_ratio=ratio) for ratio in self.ratios]


@pytest.mark.parametrize(("ratios", "logged"), [([0.9, None, 1.3, None], 1.1), ([None, None], None)])
def test_a_step_logs_the_mean_of_what_was_measured(ratios: list[float | None], logged: float | None) -> None:
    trainer = Trainer(ratios)
    trainer.draw()
    assert trainer.logged.get("sampler_ratio") == (None if logged is None else pytest.approx(logged))
