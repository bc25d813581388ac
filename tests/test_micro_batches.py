"""Micro-batches: every row once, within the limits, without common padding, and with the gradient of the whole batch."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from test_policy_gradient import OBJECTIVES, saved
from test_policy_gradient import ours as policy_gradient
from test_self_distillation import make_trainer, rows, second_copy
from tiny import tiny_model

from sdzero_bench.training.micro_batches import MicroBatchLimits, RowLength, grouped, row_lengths, split_to, trimmed
from sdzero_bench.training.options import Objective
from sdzero_bench.training.supervised import Example, supervised_trainer

LIMITS = [MicroBatchLimits(1), MicroBatchLimits(3), MicroBatchLimits(100, 40), MicroBatchLimits(2, 1)]


@pytest.mark.parametrize("limits", [*LIMITS, MicroBatchLimits(100), MicroBatchLimits(7, 500)], ids=str)
def test_every_row_is_in_one_micro_batch_within_the_limits(limits: MicroBatchLimits) -> None:
    drawn = random.Random(0)
    for count in (1, 2, 31, 100):
        lengths = [RowLength(drawn.randint(0, 50), drawn.randint(0, 90)) for _ in range(count)]
        groups = grouped(lengths, limits)
        assert sorted(i for group in groups for i in group) == list(range(count))
        for group in groups:
            width = max(lengths[i].context for i in group) + max(lengths[i].completion for i in group)
            assert len(group) == 1 or len(group) <= limits.rows
            assert len(group) == 1 or limits.tokens is None or len(group) * width <= limits.tokens
        for more in range(len(groups), count + 1):
            split = split_to(groups, more)
            assert len(split) == more
            assert all(split)
            assert sorted(i for group in split for i in group) == list(range(count))


def test_padding_is_a_fraction_of_that_of_the_whole_batch() -> None:
    """Lengths of real responses are about lognormal: one batch of 128 as wide as its longest is mostly padding."""
    drawn = random.Random(0)
    lengths = [RowLength(200, min(8192, int(drawn.lognormvariate(7.5, 0.9)))) for _ in range(128)]
    tokens = sum(n.context + n.completion for n in lengths)
    longest = max(n.context + n.completion for n in lengths)
    sent = sum(
        len(g) * max(lengths[i].context + lengths[i].completion for i in g) for g in grouped(lengths, MicroBatchLimits(8))
    )
    assert len(lengths) * longest > 2 * tokens
    assert sent < 1.15 * tokens


def test_a_micro_batch_keeps_the_tokens_of_its_rows_and_drops_common_padding() -> None:
    batch = {
        "prompt_ids": torch.tensor([[0, 0, 1, 2], [3, 4, 5, 6], [0, 7, 8, 9]]),
        "prompt_mask": torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1]]),
        "teacher_ids": torch.tensor([[0, 1], [2, 3], [0, 4]]),
        "teacher_mask": torch.tensor([[0, 1], [1, 1], [0, 1]]),
        "completion_ids": torch.tensor([[11, 12, 0], [13, 14, 15], [16, 17, 18]]),
        "completion_mask": torch.tensor([[1, 1, 0], [1, 1, 1], [0, 0, 0]]),
        "old_per_token_logps": torch.tensor([[0.1, 0.2, 0.0], [0.3, 0.4, 0.5], [0.6, 0.7, 0.8]]),
        "advantages": torch.tensor([1.0, 2.0, 3.0]),
        "num_items_in_batch": torch.tensor(5),
    }
    assert row_lengths(batch) == [RowLength(2, 2), RowLength(4, 3), RowLength(3, 0)]
    part = trimmed(batch, [2, 0])
    assert part["prompt_ids"].tolist() == [[7, 8, 9], [0, 1, 2]]
    assert part["teacher_ids"].tolist() == [[4], [1]]
    assert part["completion_ids"].tolist() == [[16, 17], [11, 12]]
    assert part["old_per_token_logps"].tolist() == [
        [pytest.approx(0.6), pytest.approx(0.7)],
        [pytest.approx(0.1), pytest.approx(0.2)],
    ]
    assert part["advantages"].tolist() == [3.0, 1.0]
    assert part["num_items_in_batch"] == 5
    assert trimmed(batch, [2])["completion_mask"].tolist() == [[0]]  # nothing to learn from, and still one column


def gradients(trainer: Any, inputs: Any, limits: MicroBatchLimits, items: Any = None) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of one optimizer step."""
    trainer.limits, trainer.current_gradient_accumulation_steps = limits, 1
    trainer.create_optimizer()
    loss = trainer.training_step(trainer.model, inputs, items)
    return float(loss), {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}


def same(one: tuple[float, dict[str, torch.Tensor]], other: tuple[float, dict[str, torch.Tensor]]) -> None:
    assert one[0] == pytest.approx(other[0], rel=1e-5, abs=1e-7)
    assert one[1].keys() == other[1].keys()
    assert max(float(g.abs().max()) for g in one[1].values()) > 1e-3
    for name, gradient in one[1].items():
        torch.testing.assert_close(gradient, other[1][name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_gradients_of_distillation_do_not_depend_on_micro_batches(
    limits: MicroBatchLimits, tokenizer: Any, tmp_path: Path
) -> None:
    student, teacher = tiny_model(tokenizer, 0), tiny_model(tokenizer, 1)

    def of(limits: MicroBatchLimits) -> tuple[float, dict[str, torch.Tensor]]:
        own = copy.deepcopy(student)
        trainer = make_trainer(tokenizer, tmp_path, own, teacher, lambda q, ids: second_copy(tokenizer, q, ids))
        return gradients(trainer, rows(trainer), limits)

    same(of(MicroBatchLimits(100)), of(limits))


@pytest.mark.parametrize("kl_weight", [0.0, 0.3])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_of_policy_gradients_do_not_depend_on_micro_batches(
    objective: Any, kl_weight: float, tokenizer: Any, tmp_path: Path
) -> None:
    def of(limits: MicroBatchLimits) -> tuple[float, dict[str, torch.Tensor]]:
        trainer = policy_gradient(tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective(objective, updates=2), kl_weight)
        inputs = [row for row in trainer.train_dataset for _ in range(4)]
        return gradients(trainer, inputs, limits)

    whole = of(MicroBatchLimits(100))
    for limits in LIMITS:
        same(whole, of(limits))


def test_gradients_of_fine_tuning_do_not_depend_on_micro_batches(tokenizer: Any, tmp_path: Path) -> None:
    examples = [
        Example(tuple(range(20, 20 + n)), tuple(range(60, 60 + m))) for n, m in [(3, 2), (9, 1), (1, 7), (4, 4), (2, 3)]
    ]
    arguments = {
        "output_dir": str(tmp_path),
        "per_device_train_batch_size": 5,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
    }

    def of(limits: MicroBatchLimits) -> tuple[float, dict[str, torch.Tensor]]:
        trainer: Any = supervised_trainer(tiny_model(tokenizer, 0), tokenizer, examples, range(5), arguments)
        batch = next(iter(trainer.get_train_dataloader()))
        return gradients(trainer, batch, limits, torch.tensor(sum(len(e.target) for e in examples)))

    whole = of(MicroBatchLimits(100))
    for limits in LIMITS:
        same(whole, of(limits))
