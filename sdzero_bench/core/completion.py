"""What goes into a sampling engine and what comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
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
    """One completion to draw: the token ids to continue, and the seed that alone decides its random numbers."""

    prompt_ids: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Completion:
    """Drawn token ids; the end-of-sequence token is the last of them where `finish` is "stop"."""

    token_ids: tuple[int, ...]
    finish: FinishReason


class Engine(Protocol):
    """A sampler of one policy. Every engine means the same by the same parameters."""

    name: str
    version: str
    batch_size: int

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """One completion a request, in order; at most `batch_size` requests a call."""
        ...


EngineFactory = Callable[[str], Engine]


def sample_seed(run_seed: int, *parts: object) -> int:
    """A 63-bit seed for one sample, from the run's seed and what identifies the sample within the run."""
    digest = hashlib.sha256(repr((run_seed, *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
