"""Advantages, against the papers' formulas in plain Python."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from accelerate.utils import gather_object
from test_policy_gradient import GROUP, REWARDS, ours, rows, saved

from sdzero_bench.training import trl_compat
from sdzero_bench.training.advantages import centred, each_group, each_rollout, over_batch, over_mean, standardised
from sdzero_bench.training.options import Objective

Groups = list[list[float | None]]


def drawn(binary: bool) -> Iterator[Groups]:
    """The rewards of many steps: groups of all sizes, some without a single reward, some with equal ones."""
    rng = random.Random(0)
    for _ in range(300):
        draw = (lambda: float(rng.random() < 0.4)) if binary else (lambda: rng.uniform(-2, 2))
        size = rng.randint(1, 7)
        yield [[None if rng.random() < 0.2 else draw() for _ in range(size)] for _ in range(rng.randint(1, 5))]
    yield [[None, None], [1.0, 1.0]]
    yield [[None, None, None]]
    yield [[1.0]]


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def by_group(formula: Callable[[float, list[float]], float]) -> Callable[[Groups], list[list[float]]]:
    """A formula of a rollout's own reward and those of its group that are there."""

    def of(groups: Groups) -> list[list[float]]:
        known = [[r for r in group if r is not None] for group in groups]
        return [[0.0 if r is None else formula(r, own) for r in group] for group, own in zip(groups, known, strict=True)]

    return of


def grpo(reward: float, group: list[float]) -> float:
    variance = math.fsum((r - mean(group)) ** 2 for r in group) / (len(group) - 1) if len(group) > 1 else 0.0
    return (reward - mean(group)) / (math.sqrt(variance) + 1e-4)


def maxrl(reward: float, group: list[float]) -> float:
    return reward / mean(group) - 1 if sum(group) > 0 else 0.0


def reinforcepp(baseline: bool) -> Callable[[Groups], list[list[float]]]:
    """The whole step is one population, whatever its groups."""

    def of(groups: Groups) -> list[list[float]]:
        known = [[r for r in group if r is not None] for group in groups]
        less = [mean(own) if baseline and own else 0.0 for own in known]
        every = [r - b for own, b in zip(known, less, strict=True) for r in own]
        if not every:
            return [[0.0] * len(group) for group in groups]
        spread = math.sqrt(mean([(a - mean(every)) ** 2 for a in every]))
        return [
            [0.0 if r is None else (r - b - mean(every)) / (spread + 1e-4) for r in group]
            for group, b in zip(groups, less, strict=True)
        ]

    return of


@pytest.mark.parametrize(
    ("ours", "formula", "binary"),
    [
        (each_group(centred), by_group(lambda r, group: r - mean(group)), False),
        (each_group(standardised), by_group(grpo), False),
        (each_group(over_mean), by_group(maxrl), True),
        (each_rollout(lambda r: -3 * r), by_group(lambda r, group: -3 * r), False),
        (over_batch(True), reinforcepp(True), False),
        (over_batch(False), reinforcepp(False), False),
    ],
    ids=["dr_grpo", "grpo", "maxrl", "no baseline", "reinforce++ with a baseline", "reinforce++"],
)
def test_advantages_are_those_of_the_formulas(ours: Any, formula: Any, binary: bool) -> None:
    for groups in drawn(binary):
        got = ours(groups)
        assert [len(own) for own in got] == [len(group) for group in groups]
        for own, expected in zip(got, formula(groups), strict=True):
            assert own == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_advantage_of_maxrl_estimates_the_gradient_of_the_truncated_log_likelihood() -> None:
    """With right answers of probability p = sigmoid(w) and N rollouts, the mean of A_i d log pi / dw over all outcomes is the
    derivative of log p cut off after order N - 1: (sum over k < N of (1 - p)^(k - 1)) dp/dw."""
    for p in (0.1, 0.5, 0.8):
        for n in (2, 4, 7):
            expected = 0.0
            for right in range(n + 1):
                (advantages,) = each_group(over_mean)([[1.0] * right + [0.0] * (n - right)])
                scores = [1 - p] * right + [-p] * (n - right)
                weight = math.comb(n, right) * p**right * (1 - p) ** (n - right)
                expected += weight * sum(a * s for a, s in zip(advantages, scores, strict=True)) / n
            derivative = sum((1 - p) ** (k - 1) for k in range(1, n)) * p * (1 - p)
            assert expected == pytest.approx(derivative)


def test_the_advantage_of_an_objective_replaces_that_of_trl(tokenizer: Any, tmp_path: Path) -> None:
    """Rewards of four kinds of groups in one step, and one rollout without a reward."""
    rewards = [None, *REWARDS[1:]]
    groups = [rewards[i : i + GROUP] for i in range(0, len(rewards), GROUP)]
    for advantage, formula in ((each_group(over_mean), by_group(maxrl)), (over_batch(True), reinforcepp(True))):
        trainer = ours(tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective("dapo", advantage=advantage), rewards=rewards)
        trainer.model.train()
        got = trainer._generate_and_score_completions(rows())["advantages"].tolist()
        assert got == pytest.approx([a for own in formula(groups) for a in own], rel=1e-5)


@pytest.mark.parametrize("process", [0, 1])
def test_each_of_two_processes_has_the_advantages_of_its_own_rows(
    process: int, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch normalisation that saw the rows of one process alone would give other values."""
    own, others = [1.0, 0.0, None, 0.0], [1.0, 1.0, 1.0, 0.0]
    trainer = ours(tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective("dapo"))
    everyones = [own, others] if process == 0 else [others, own]

    def gather(mine: list[float | None]) -> list[float | None]:
        assert gather_object(mine) == mine == own
        return [r for rewards in everyones for r in rewards]

    monkeypatch.setattr(trl_compat, "gather_object", gather)
    monkeypatch.setattr(type(trainer.accelerator), "process_index", process)
    got = trainer.advantages(over_batch(False), list(own), 4)
    assert got == pytest.approx(reinforcepp(False)(everyones)[process])
