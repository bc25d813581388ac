"""Worlds: named sets of figures that shape the texts of an embedded model, and so the errors of its policy.

`slips` is a world of random, independent errors; in `habits` most errors are wrong in the same way each time. The figures of a
world are chosen by those of its base policy (the model card lists both), before any method is run on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sdzero_bench.tasks.micro_world.care import Care


@dataclass(frozen=True)
class World:
    """How careful writers are, and what the texts are about."""

    draft: Care
    revision: Care
    """A second look that is not a repetition."""
    reading: Care
    """An answer to a question that comes with a reference."""
    repeat_when_wrong: float = 0.7
    """Probability that a second attempt only repeats the first although it was called incorrect: the naive reviser."""
    repeat_when_unsure: float = 0.85
    """The same after a phrase that does not say whether the attempt was correct."""
    neutral_phrase: float = 0.1
    code_share: float = 0.3
    """Share of the texts that are about programs, which are longer than sums and easier to learn."""
    kinds: tuple[tuple[str, float], ...] = (
        ("1 attempt", 0.34),
        ("2 attempts", 0.24),
        ("3 attempts", 0.16),
        ("4 attempts", 0.12),
        ("with reference", 0.07),
        ("in words", 0.07),
    )
    """Kinds of texts and their shares. With reference: the prompt has the gold solution; with response: a right response."""


SLIPS = World(
    draft=Care(tricky=0.40, plain=0.15),
    revision=Care(tricky=0.04, plain=0.015),
    reading=Care(tricky=0.04, plain=0.015),
)

HABITS = World(
    draft=Care(tricky=0.06, plain=0.06, habit=0.98),
    revision=Care(tricky=0.06, plain=0.01),
    repeat_when_wrong=0.8,
    reading=Care(tricky=0.005, plain=0.005),
    kinds=(
        ("1 attempt", 0.30),
        ("2 attempts", 0.20),
        ("3 attempts", 0.13),
        ("4 attempts", 0.10),
        ("with reference", 0.11),
        ("with response", 0.11),
        ("in words", 0.05),
    ),
)

WORLDS = {"slips": SLIPS, "habits": HABITS}


def without_programs(world: World) -> World:
    """The same world of sums alone."""
    return replace(world, code_share=0.0)
