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
    """Tokens that the base policy answers with; the policies after it are taken to be as brief, save one after SRT."""
    revised: float = Field(gt=0)
    """Tokens that a policy answers with after SRT, when it revises openly."""
    solution: float = Field(gt=0)
    """Tokens of a gold solution."""
    phrase: float = Field(gt=0)
    """Tokens of a control phrase."""
    right: float = Field(gt=0, le=1)
    """Share of the base policy's samples that are right."""
    revised_right: float = Field(gt=0, le=1)
    """Share of its revisions that are right."""


@dataclass(frozen=True)
class Passes:
    """Tokens that go through a model in training, as the ledger counts them."""

    backward: float
    """Through the student, forward and backward."""
    forward: float = 0.0
    """Without a gradient, such as a teacher's."""
    completions: int = 1
    """As many completions, after one prompt, may be in the longest sequence of the student's."""


def fine_tuning(examples: float, tokens: float, epochs: float) -> Passes:
    return Passes(backward=examples * tokens * epochs)


def distilling(rollouts: float, student: float, teacher: float) -> Passes:
    """Rollouts of so many tokens, prompt included, in the student's context and in the teacher's."""
    return Passes(backward=rollouts * student, forward=rollouts * teacher)
