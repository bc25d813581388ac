"""The texts that the micro model is pretrained on: chats in which somebody solves a problem in one or more attempts.

A text is a list of segments, each with a flag that says whether it is learned. The token after a finished attempt is learned
only if the turn ends there. So the model knows how a second attempt is introduced and written, but it never learns to start one
by itself. That is left to the methods.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from sdzero_bench.tasks.micro_world.care import Care
from tools.micro_model.worlds import World

# Wordings of the control phrase: the paper's, its public code's, and a neutral one that says nothing of the reward.
WRONG_PHRASES = (
    "Wait, this response is not correct, let me start over.",
    "Wait, this response is wrong. Let me correct it.",
    "Wrong. I need to redo all.",
)
RIGHT_PHRASES = ("Let me rephrase the above solution.",)
NEUTRAL_PHRASES = ("Let me look at the above solution again.",)

FLAWLESS = Care(0.0, 0.0)

WITH_REFERENCE = "A worked solution for reference:"


class Problem(Protocol):
    """What a text is about: a chain of sums, or a small program."""

    in_words: str
    """What the user adds to be shown the demonstration."""

    @property
    def prompt(self) -> str: ...

    @property
    def demonstration(self) -> str: ...

    def attempt(self, care: Care, rng: random.Random) -> tuple[str, bool]:
        """A solution written with the given care, and whether it is correct."""
        ...


@dataclass(frozen=True)
class Text:
    """One chat: the user's turn, and the assistant's turn as (segment, whether its tokens are learned)."""

    prompt: str
    segments: tuple[tuple[str, bool], ...]


def attempts(problem: Problem, count: int, world: World, rng: random.Random) -> Iterator[tuple[str, bool]]:
    current, right = problem.attempt(world.draft, rng)
    yield current, True
    for _ in range(count - 1):
        if rng.random() < world.neutral_phrase:
            phrase, repeat = rng.choice(NEUTRAL_PHRASES), world.repeat_when_unsure
        elif right:
            phrase, repeat = rng.choice(RIGHT_PHRASES), world.repeat_when_wrong
        else:
            # The paper's own wording is the most common one.
            phrase = WRONG_PHRASES[0] if rng.random() < 0.6 else rng.choice(WRONG_PHRASES[1:])
            repeat = world.repeat_when_wrong
        # Whether another attempt follows is not learned; the phrase that introduces it is.
        yield "\n", False
        yield f"\n{phrase}\n\n", True
        if rng.random() >= repeat:
            current, right = problem.attempt(world.revision, rng)
        yield current, True


def text(problem: Problem, world: World, rng: random.Random) -> Text:
    """One text about a problem; its kind is sampled from `world.kinds`."""
    names, weights = zip(*world.kinds, strict=True)
    kind = rng.choices(names, weights)[0]
    if kind == "in words":
        return Text(f"{problem.prompt} {problem.in_words}", ((problem.demonstration, True),))
    if kind in ("with reference", "with response"):
        reference = problem.demonstration if kind == "with reference" else problem.attempt(FLAWLESS, rng)[0]
        with_reference = f"{problem.prompt}\n\n{WITH_REFERENCE} {reference}"
        return Text(with_reference, ((problem.attempt(world.reading, rng)[0], True),))
    return Text(problem.prompt, tuple(attempts(problem, int(kind.split()[0]), world, rng)))
