"""What the samples of a policy on a task are like: the assumptions that an estimate rests on."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class Typical(BaseModel):
    """Means over questions and samples, in tokens and shares. A preset states them under `typical`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(gt=0)
    """Tokens of a prompt."""
    completion: float = Field(gt=0)
    """Tokens of the base policy's responses; trained policies are assumed to respond as briefly, except after SRT."""
    revised: float = Field(gt=0)
    """Tokens of a policy's responses after SRT, when it revises openly."""
    solution: float = Field(gt=0)
    """Tokens of a gold solution."""
    phrase: float = Field(gt=0)
    """Tokens of a control phrase."""
    right: float = Field(gt=0, le=1)
    """Share of the base policy's samples that are correct."""
    revised_right: float = Field(gt=0, le=1)
    """Share of its revisions that are correct."""


@dataclass(frozen=True)
class Passes:
    """Tokens that go through a model in training, as the ledger counts them."""

    backward: float
    """Through the student, forward and backward."""
    forward: float = 0.0
    """Without a gradient, such as a teacher's."""
    completions: int = 1
    """How many completions, after one prompt, the student's longest sequence may contain."""


def fine_tuning(examples: float, tokens: float, epochs: float) -> Passes:
    """Passes over `examples` sequences of `tokens` tokens each, `epochs` times."""
    return Passes(backward=examples * tokens * epochs)


def distilling(rollouts: float, student: float, teacher: float) -> Passes:
    """Passes of `rollouts` sequences, `student` tokens long in the student's context and `teacher` in the teacher's."""
    return Passes(backward=rollouts * student, forward=rollouts * teacher)


def reinforcing(rollouts: float, tokens: float, updates: int, without_gradient: int) -> Passes:
    """Passes of `rollouts` sequences of `tokens` tokens: `updates` with a gradient, `without_gradient` without one."""
    return Passes(backward=rollouts * tokens * updates, forward=rollouts * tokens * without_gradient)
