"""Advantages of verified rollouts: pure functions from the rewards of one optimizer step, by group, to advantages.

A group has the rewards of all rollouts of one question. A reward of None (the verifier failed) takes no part in any mean, and
its rollout has the advantage 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, pstdev, stdev

Rewards = Sequence[float | None]
"""Of the rollouts of one question."""

Advantage = Callable[[Sequence[Rewards]], list[list[float]]]
"""(rewards of the groups of a step) -> advantages of the same shape."""

EPSILON = 1e-4
"""Added to standard deviations, as TRL does."""


def each_group(of_group: Callable[[list[float]], list[float]]) -> Advantage:
    """The advantage that looks at one group at a time; `of_group` is only given rewards that are there."""

    def advantage(groups: Sequence[Rewards]) -> list[list[float]]:
        return [_restored(rewards, of_group([r for r in rewards if r is not None])) for rewards in groups]

    return advantage


def each_rollout(of_reward: Callable[[float], float]) -> Advantage:
    """The advantage that is a function of the rollout's own reward: no baseline."""
    return each_group(lambda rewards: [of_reward(reward) for reward in rewards])


def centred(rewards: list[float]) -> list[float]:
    """r - mean(r) (Dr. GRPO, arXiv 2503.20783)."""
    return [reward - fmean(rewards) for reward in rewards]


def standardised(rewards: list[float]) -> list[float]:
    """(r - mean(r)) / (std(r) + 1e-4), with the unbiased standard deviation (GRPO, arXiv 2402.03300)."""
    spread = stdev(rewards) if len(rewards) > 1 else 0.0
    return [difference / (spread + EPSILON) for difference in centred(rewards)]


def over_mean(rewards: list[float]) -> list[float]:
    """(r - mean(r)) / mean(r), and 0 where no reward of the group is positive (MaxRL, arXiv 2602.02710)."""
    mean = fmean(rewards) if rewards else 0.0
    return [(reward - mean) / mean if mean > 0 else 0.0 for reward in rewards]


def over_batch(group_baseline: bool) -> Advantage:
    """(r - mean) / (std + 1e-4), mean and std over all rollouts of the step (REINFORCE++, arXiv 2501.03262).

    group_baseline:
        Subtract the mean of each group first.
    """

    def advantage(groups: Sequence[Rewards]) -> list[list[float]]:
        known = [[reward for reward in rewards if reward is not None] for rewards in groups]
        if group_baseline:
            known = [centred(own) for own in known]
        every = [reward for own in known for reward in own]
        mean, spread = (fmean(every), pstdev(every)) if every else (0.0, 0.0)
        scaled = [[(reward - mean) / (spread + EPSILON) for reward in own] for own in known]
        return [_restored(rewards, own) for rewards, own in zip(groups, scaled, strict=True)]

    return advantage


def _restored(rewards: Rewards, advantages: list[float]) -> list[float]:
    """The advantages at the places of the rewards that are there, and 0 elsewhere."""
    left = iter(advantages)
    return [0.0 if reward is None else next(left) for reward in rewards]
