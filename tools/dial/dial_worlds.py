"""Worlds of sums on two axes, all with bases of about the same accuracy.

Errors: from random slips (`from-10`: no step is subject to the habit) to mostly habits (`from-5`). Where fewer steps are
subject to the habit, writers slip more often, so that drafts are as often right. Second looks (`second-look-0.3`): in the world
of `from-5`, the probability that a second attempt, if it is redone, follows the habit too.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from sdzero_bench.tasks.micro_world.arithmetic import Sum, chain_sums
from sdzero_bench.tasks.micro_world.care import Care
from tools.micro_model.worlds import HABITS, World, without_programs

HABIT_FROM = (10, 9, 8, 7, 6, 5)
"""A carry is forgotten where the number added or taken away ends in this or more."""

SECOND_LOOKS = (0.3, 0.6, 0.9)
"""Probability that a second attempt, if it is redone, follows the habit. It is 0 in the world of `from-5`."""

STREAM = 3
"""Seed of the sums that accuracy is estimated on: neither of a split of micro-arith nor of the training texts."""

QUESTIONS, DRAFTS = 400, 8


NAMES = (*(f"from-{first}" for first in HABIT_FROM), *(f"second-look-{share:g}" for share in SECOND_LOOKS))


@cache
def dial_worlds() -> dict[str, World]:
    """By name, on the first axis and then on the second."""
    sums = problems()
    aim = accuracy(HABITS.draft, sums)
    worlds = {f"from-{first}": replace(HABITS, draft=as_accurate(first, aim, sums)) for first in HABIT_FROM}
    most = worlds[f"from-{HABIT_FROM[-1]}"]
    for share in SECOND_LOOKS:
        worlds[f"second-look-{share:g}"] = replace(most, revision=replace(most.revision, habit=share))
    return {name: without_programs(world) for name, world in worlds.items()}


def problems() -> list[Sum]:
    return [Sum(i["question"], i["metadata"]["expression"]) for i in itertools.islice(chain_sums(STREAM), QUESTIONS)]


def as_accurate(habit_from: int, aim: float, sums: Sequence[Sum]) -> Care:
    """Drafts that follow the habit from this number up and slip as often as makes them right with probability `aim`."""
    low, high = 0.0, 0.5
    for _ in range(12):
        slip = (low + high) / 2
        if accuracy(Care(slip, slip, HABITS.draft.habit, habit_from), sums) > aim:
            low = slip
        else:
            high = slip
    slip = round(high, 3)
    return Care(slip, slip, HABITS.draft.habit, habit_from)


def accuracy(care: Care, sums: Sequence[Sum]) -> float:
    """Share of right drafts; the same random numbers for every care."""
    rng = random.Random(0)
    return sum(problem.attempt(care, rng)[1] for problem in sums for _ in range(DRAFTS)) / (len(sums) * DRAFTS)
