"""How far the sampler's probabilities of the tokens that it drew are from the trainer's.

The two differ where the sampler has another data type or other kernels. On-policy losses take no probabilities from it: their
importance ratios are of the trainer's own, before and after its updates (TRL computes both, and with one update per batch the
ratio is 1). The difference is therefore not corrected for but measured, on a few rollouts of each step.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from sdzero_bench.core.completion import Completion, Engine, Request, SamplingParameters, StreamingEngine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ROLLOUTS, TOKENS = 4, 256
"""Rollouts of each rank and step that are measured, and tokens of each, evenly spaced: a fraction of a training step's cost."""


class WatchedEngine:
    """Asks a `StreamingEngine` for the log-probabilities of a few completions, and keeps them in `watched`."""

    def __init__(self, engine: StreamingEngine) -> None:
        self.engine = engine
        self.name, self.version, self.batch_size = engine.name, engine.version, engine.batch_size
        self.watched: list[tuple[Request, Completion]] = []

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        finished = dict(pair for pairs in self.generate_as_finished(requests, parameters) for pair in pairs)
        return [finished[position] for position in range(len(requests))]

    def generate_as_finished(
        self, requests: Sequence[Request], parameters: SamplingParameters
    ) -> Generator[list[tuple[int, Completion]]]:
        chosen = set(_spread(len(requests), ROLLOUTS))
        asked = [replace(request, logprobs=position in chosen) for position, request in enumerate(requests)]
        for finished in self.engine.generate_as_finished(asked, parameters):
            self.watched += [(asked[i], completion) for i, completion in finished if completion.logprobs]
            yield finished

    def ratios(self, policy: PreTrainedModel, bf16: bool) -> dict[int, float]:
        """By the seed of a watched rollout, the mean over its tokens of pi_trainer(token) / pi_sampler(token).

        `policy` is the trainer's, with the weights that the sampler has; bf16: in autocast, as in training.
        """
        return {request.seed: _ratio(policy, request, completion, bf16) for request, completion in self.watched}


def watched(engine: Engine) -> Engine:
    """`engine`, watched if it has probabilities of its own: the transformers engine samples from the trainer's model."""
    return WatchedEngine(engine) if isinstance(engine, StreamingEngine) else engine


@torch.no_grad()
def _ratio(policy: PreTrainedModel, request: Request, completion: Completion, bf16: bool) -> float:
    assert completion.logprobs is not None
    model: Any = policy
    ids, was_training = completion.token_ids, model.training
    at = _spread(len(ids), TOKENS)
    context = torch.tensor([[*request.prompt_ids, *ids]], device=model.device)
    before = torch.tensor([len(request.prompt_ids) + position - 1 for position in at], device=model.device)
    model.eval()
    try:
        with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
            logits = model(input_ids=context, logits_to_keep=before, use_cache=False).logits[0]  # [len(at), V]
    finally:
        model.train(was_training)
    tokens = torch.tensor([ids[position] for position in at], device=model.device)
    trainers = logits.float().log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
    samplers = torch.tensor([completion.logprobs[position] for position in at], device=model.device)
    return float((trainers - samplers).exp().mean())


def _spread(length: int, most: int) -> list[int]:
    """At most `most` evenly spaced positions below `length`."""
    count = min(length, most)
    return [i * length // count for i in range(count)]
