"""Loss and gradient of each policy-gradient method, against the papers' formulas in float64, one rollout at a time."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset
from test_policy_gradient import arguments
from tiny import attempt, prompt_ids, tiny_model
from torch import Tensor

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.verdict import ProgramReport, Verdict
from sdzero_bench.methods.cispo import CISPO, CISPOOptions
from sdzero_bench.methods.format_reward import FormatReward, has_form
from sdzero_bench.methods.inverted_reward import InvertedReward, inverted
from sdzero_bench.methods.maxrl import MaxRL
from sdzero_bench.methods.nsr import NSR, NSROptions
from sdzero_bench.methods.raftpp import RAFTPlusPlus
from sdzero_bench.methods.random_reward import RandomReward, coin
from sdzero_bench.methods.reinforcepp import ReinforcePlusPlus, ReinforcePlusPlusOptions
from sdzero_bench.training.options import Objective
from sdzero_bench.training.policy_gradient import policy_gradient_trainer

QUESTIONS = ["1 + 2", "What is 30 - 4 + 5?", "7 + 8 - 9"]
REWARDS: list[list[float | None]] = [[1.0, 0.0, None, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
LENGTHS = [[2, 5, 3, 4], [6, 2, 3, 1], [4, 3, 2, 5]]
ANSWERS = [["3", None, None, "3"], ["7", None, "8", "31"], [None, None, "1", None]]
COMPLETIONS = [[[20 + 60 * i + 13 * j + 5 * t for t in range(n)] for j, n in enumerate(own)] for i, own in enumerate(LENGTHS)]
SEEDS = [[4 * i + j for j in range(4)] for i in range(3)]


def asked(method: Any) -> tuple[Objective, Any]:
    """The objective and the options that a method trains with."""
    found: list[Any] = []
    run: Any = SimpleNamespace(base="base", questions=QUESTIONS)
    run.policy_gradient = lambda name, start, questions, objective, options: found.extend((objective, options))
    method.train(run)
    return found[0], found[1]


def attempts() -> list[Any]:
    found = []
    for i, question in enumerate(QUESTIONS):
        for j, ids in enumerate(COMPLETIONS[i]):
            one = attempt(question, ids, REWARDS[i][j])
            verdict = replace(one.sample.verdict, answer=ANSWERS[i][j])
            found.append(replace(one, sample=replace(one.sample, verdict=verdict, seed=SEEDS[i][j])))
    return found


def moved(model: Any) -> Any:
    """Away from the policy that sampled."""
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(i))
    return model


def trained(method: Any, tokenizer: Any, folder: Path) -> tuple[Tensor, Tensor]:
    """Loss and gradient of a batch, once the policy has moved."""
    objective, options = asked(method)
    rows = [{"prompt": [{"role": "user", "content": q}], "question_id": q, "epoch": 0} for q in QUESTIONS]
    model = tiny_model(tokenizer, 0)
    trainer: Any = policy_gradient_trainer(
        objective,
        options,
        SamplingParameters(1.0, 1.0, 64),
        {**arguments(folder), "per_device_train_batch_size": 12},
        model=model,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        rollout=lambda policy, step, rows: attempts(),
    )
    model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions([row for row in rows for _ in range(4)])
    moved(model)
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    return loss.detach().double(), torch.cat([p.grad.flatten() for p in model.parameters()]).double()


Surrogate = Callable[[Tensor, Tensor, float], Tensor]
"""(log pi, old log pi, A) of the tokens of a rollout -> what is maximised, of each"""


def clipped(low: float, high: float) -> Surrogate:
    def ppo(log_p: Tensor, old: Tensor, advantage: float) -> Tensor:
        ratio = (log_p - old).exp()
        return torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)

    return ppo


def on_policy(log_p: Tensor, old: Tensor, advantage: float) -> Tensor:
    """One update a batch: the ratio is 1, and its gradient that of log pi."""
    return (log_p - log_p.detach()).exp() * advantage


def capped(cap: float) -> Surrogate:
    def cispo(log_p: Tensor, old: Tensor, advantage: float) -> Tensor:
        return (log_p - old).exp().detach().clamp(max=cap) * advantage * log_p

    return cispo


def exact(tokenizer: Any, surrogate: Surrogate, advantages: list[list[float]], by_token: bool) -> tuple[Tensor, Tensor]:
    """The mean over all tokens, or over rollouts of the mean over their tokens."""
    before = tiny_model(tokenizer, 0).double()
    policy = moved(copy.deepcopy(before).float()).double()
    total, tokens, spread = torch.zeros((), dtype=torch.float64), 0, []
    for question, completions, own in zip(QUESTIONS, COMPLETIONS, advantages, strict=True):
        for ids, advantage in zip(completions, own, strict=True):
            sequence, n = torch.tensor([prompt_ids(tokenizer, question) + ids]), len(ids)
            log_p, old = (
                model(sequence).logits[0, -n - 1 : -1].log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])[:, 0]
                for model in (policy, before)
            )
            spread += (log_p - old).exp().tolist()
            found = surrogate(log_p, old.detach(), advantage)
            total = total - (found.sum() if by_token else found.mean())
            tokens += n
    assert min(spread) < 0.7, "no ratio is clipped"
    assert max(spread) > 1.4, "no ratio is clipped"
    loss = total / (tokens if by_token else 12)
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in policy.parameters()])


def same(got: tuple[Tensor, Tensor], want: tuple[Tensor, Tensor]) -> None:
    assert want[1].abs().max() > 1e-3
    torch.testing.assert_close(got[0], want[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(got[1], want[1], rtol=2e-3, atol=2e-5)


def mapped(formula: Callable[[float], float], rewards: list[list[float | None]] | None = None) -> list[list[float]]:
    return [[0.0 if r is None else formula(r) for r in own] for own in rewards or REWARDS]


def grpo(rewards: list[list[float | None]]) -> list[list[float]]:
    found = []
    for own in rewards:
        known = [r for r in own if r is not None]
        mean = sum(known) / len(known)
        spread = math.sqrt(sum((r - mean) ** 2 for r in known) / (len(known) - 1))
        found.append([0.0 if r is None else (r - mean) / (spread + 1e-4) for r in own])
    return found


MAXRL = [[0.5, -1.0, 0.0, 0.5], [-1.0, -1.0, -1.0, 3.0], [0.0] * 4]


def whitened(values: list[list[float | None]]) -> list[list[float]]:
    known = [v for own in values for v in own if v is not None]
    mean = sum(known) / len(known)
    spread = math.sqrt(sum((v - mean) ** 2 for v in known) / len(known))
    return [[0.0 if v is None else (v - mean) / (spread + 1e-4) for v in own] for own in values]


LESS_GROUP_MEAN: list[list[float | None]] = [[1 / 3, -2 / 3, None, 1 / 3], [-0.25, -0.25, -0.25, 0.75], [0.0] * 4]
COINS: list[list[float | None]] = [
    [None if r is None else float(random.Random(seed).random() < 0.5) for r, seed in zip(own, seeds, strict=True)]
    for own, seeds in zip(REWARDS, SEEDS, strict=True)
]
FORMS: list[list[float | None]] = [[1.0, 0.0, None, 1.0], [1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]]
INVERTED: list[list[float | None]] = [[0.0, 1.0, None, 0.0], [1.0, 1.0, 1.0, 0.0], [1.0] * 4]
PPO = clipped(0.2, 0.2)


@pytest.mark.parametrize(
    ("method", "surrogate", "advantages", "by_token"),
    [
        (MaxRL(), on_policy, MAXRL, True),
        (NSR(), on_policy, mapped(lambda r: r - 1), True),
        (NSR(NSROptions(positive_weight=0.1, updates=4)), PPO, mapped(lambda r: 0.1 if r else -1.0), True),
        (RAFTPlusPlus(), PPO, mapped(lambda r: r), True),
        (CISPO(CISPOOptions(max_ratio=1.3)), capped(1.3), grpo(REWARDS), True),
        (CISPO(), capped(5.0), grpo(REWARDS), True),
        (ReinforcePlusPlus(), on_policy, whitened(LESS_GROUP_MEAN), False),
        (ReinforcePlusPlus(ReinforcePlusPlusOptions(updates=2)), PPO, whitened(LESS_GROUP_MEAN), False),
        (
            ReinforcePlusPlus(ReinforcePlusPlusOptions(updates=2, group_baseline=False)),
            PPO,
            whitened(REWARDS),
            False,
        ),
        (RandomReward(), on_policy, grpo(COINS), True),
        (InvertedReward(), on_policy, grpo(INVERTED), True),
        (FormatReward(), on_policy, grpo(FORMS), True),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_loss_and_gradient_are_those_of_the_paper(
    method: Any, surrogate: Any, advantages: list[list[float]], by_token: bool, tokenizer: Any, tmp_path: Path
) -> None:
    same(trained(method, tokenizer, tmp_path), exact(tokenizer, surrogate, advantages, by_token))


def test_a_coin_is_fair_and_falls_alike_for_the_same_sample() -> None:
    one = attempt("q", [1])
    thrown = [coin(replace(one, sample=replace(one.sample, seed=seed))) for seed in range(4000)]
    assert thrown == [coin(replace(one, sample=replace(one.sample, seed=seed))) for seed in range(4000)]
    assert set(thrown) == {0.0, 1.0}
    assert abs(sum(thrown) / 4000 - 0.5) < 0.03  # type: ignore[arg-type]
    wrong = [coin(replace(attempt("q", [1], 0.0), sample=replace(one.sample, seed=seed))) for seed in range(4000)]
    assert wrong == thrown  # whatever the verifier says


@pytest.mark.parametrize("reward", [coin, inverted, has_form])
def test_a_control_rewards_nothing_where_the_verifier_failed(reward: Any) -> None:
    assert reward(attempt("q", [1], None)) is None


@pytest.mark.parametrize(
    ("verdict", "finish", "expected"),
    [
        (Verdict(0.0, answer="7"), "stop", 1.0),
        (Verdict(1.0, answer="7"), "stop", 1.0),
        (Verdict(1.0, answer="7"), "length", 0.0),
        (Verdict(0.0), "stop", 0.0),
        (Verdict.refused("too long"), "stop", 0.0),
        (Verdict(0.0, answer="def f(): ...", tests=ProgramReport(0, 3, 1, "wrong answer")), "stop", 1.0),
        (Verdict(0.0, answer="def f(", tests=ProgramReport(0, 3, None, "compile error")), "stop", 0.0),
        (Verdict(0.0, tests=ProgramReport(0, 3, None, "no program")), "stop", 0.0),
        (Verdict(1.0, tests=ProgramReport(3, 3, None, "passed")), "length", 0.0),
    ],
)
def test_the_right_form_is_an_answer_or_a_program_that_compiles(verdict: Verdict, finish: Any, expected: float) -> None:
    one = attempt("q", [1])
    assert has_form(replace(one, sample=replace(one.sample, verdict=verdict, finish=finish))) == expected
