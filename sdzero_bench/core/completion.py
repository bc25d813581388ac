"""What a sampling engine takes and returns: requests, sampling parameters and completions."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class SamplingParameters:
    """How completions are drawn. `temperature` = 0 is greedy; `top_p` = 1 keeps the whole distribution."""

    temperature: float
    top_p: float
    max_new_tokens: int


@dataclass(frozen=True)
class Request:
    """One completion to draw: the token ids to continue, and the seed that alone determines its random numbers."""

    prompt_ids: tuple[int, ...]
    seed: int
    logprobs: bool = False
    """Whether the completion should have its log-probabilities, if the engine can tell them."""


@dataclass(frozen=True)
class Completion:
    """Sampled token ids. If `finish` is "stop", the last one is the token that ended the turn; "length" means truncated."""

    token_ids: tuple[int, ...]
    finish: FinishReason
    logprobs: tuple[float, ...] | None = field(default=None, compare=False)
    """Of each token under the weights that sampled it, at temperature 1; if asked for, and if the engine can tell them."""


class Engine(Protocol):
    """A sampler for one policy. The parameters mean the same in every engine."""

    name: str
    version: str
    batch_size: int

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """One completion per request, in order; takes at most `batch_size` requests per call."""
        ...


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """An engine that batches by itself, and is given any number of requests: a long completion holds no other one up."""

    def generate_as_finished(
        self, requests: Sequence[Request], parameters: SamplingParameters
    ) -> Generator[list[tuple[int, Completion]]]:
        """Positions in `requests` with their completions, as they finish: each position once, in any order.

        Yields what has finished since the last time, several times a second and often nothing, so that the caller can work on
        it meanwhile. A generator that is closed before its end drops the requests that are left.
        """
        ...


def sample_seed(run_seed: int, *parts: object) -> int:
    """A 63-bit seed for one sample, from the run's seed and whatever identifies the sample within the run."""
    digest = hashlib.sha256(repr((run_seed, *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
