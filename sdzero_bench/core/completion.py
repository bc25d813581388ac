"""What a sampling engine takes and returns: requests, sampling parameters and completions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

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


@dataclass(frozen=True)
class Completion:
    """Sampled token ids. If `finish` is "stop", the last one is the token that ended the turn; "length" means truncated."""

    token_ids: tuple[int, ...]
    finish: FinishReason


class Engine(Protocol):
    """A sampler for one policy. The parameters mean the same in every engine."""

    name: str
    version: str
    batch_size: int

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """One completion per request, in order; takes at most `batch_size` requests per call."""
        ...


def sample_seed(run_seed: int, *parts: object) -> int:
    """A 63-bit seed for one sample, from the run's seed and whatever identifies the sample within the run."""
    digest = hashlib.sha256(repr((run_seed, *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
