"""What a record has to contain by its own settings: the samples that are asked for, and the training."""

from __future__ import annotations

from dataclasses import dataclass, field

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.records.rollouts import Prompt


@dataclass(frozen=True)
class Asked:
    """One sample as it is asked for."""

    prompt: Prompt
    policy: str
    seed: int


@dataclass
class Training:
    """A training phase as the method asks for it."""

    steps: int
    learning_rate: float
    backward_tokens: int | None
    """None where they do not follow from the journal."""


@dataclass
class Expected:
    """What a run's settings and journal say that it has drawn and trained."""

    draws: dict[str, dict[str, Asked]] = field(default_factory=dict)
    """By phase and sample."""
    parameters: dict[str, SamplingParameters] = field(default_factory=dict)
    """By phase."""
    training: dict[str, Training] = field(default_factory=dict)
    """By phase."""
