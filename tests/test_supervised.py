"""Fine-tuning: which example is trained on when, and on which of its tokens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model

from sdzero_bench.core.errors import UserError
from sdzero_bench.training.supervised import MEGABATCH, Example, order_of_training, supervised_trainer


@pytest.mark.parametrize(("count", "epochs", "batch"), [(10, 1, 4), (10, 2.5, 4), (7, 3, 32), (1000, 2, 8), (5, 0.4, 1)])
def test_every_example_is_trained_on_once_an_epoch(count: int, epochs: float, batch: int) -> None:
    order = order_of_training([i % 13 for i in range(count)], epochs, batch, seed=0)
    assert len(order) == round(count * epochs)
    times = Counter(order)
    assert all(int(epochs) <= times[i] <= int(epochs) + 1 for i in range(count))
    assert order == order_of_training([i % 13 for i in range(count)], epochs, batch, seed=0)


def test_more_epochs_than_can_be_meant_are_refused_at_once() -> None:
    with pytest.raises(UserError, match="1e\\+12 epochs over 5 examples exceed the limit of 100,000,000 examples"):
        order_of_training([3] * 5, 1e12, 4, seed=0)


def test_batches_are_of_like_length_and_in_random_order() -> None:
    lengths = [1 + (i * 37) % 100 for i in range(4 * MEGABATCH)]
    order = order_of_training(lengths, 1, 4, seed=0)
    batches = [[lengths[i] for i in order[start : start + 4]] for start in range(0, len(order), 4)]
    assert max(max(b) - min(b) for b in batches) <= 3
    longest = [max(b) for b in batches]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_the_loss_is_over_target_tokens_alone_and_batches_come_in_the_order_given(tokenizer: Any, tmp_path: Path) -> None:
    """A step's logged loss is the mean of -log pi over the targets of its two examples, computed one by one."""
    model = tiny_model(tokenizer, 0)
    examples = [
        Example((20, 21, 22), (30, 31)),
        Example((40,), (50, 51, 52, 53)),
        Example((60, 61), (70,)),
        Example((1, 2), (3,)),
    ]
    order = [2, 1, 3, 0]

    def mean_loss(pair: list[int]) -> float:
        total = count = 0.0
        for example in (examples[i] for i in pair):
            ids = torch.tensor([[*example.context, *example.target]])
            logits = model(ids).logits[0, len(example.context) - 1 : -1].log_softmax(-1)
            total -= float(logits.gather(-1, torch.tensor(example.target)[:, None]).sum())
            count += len(example.target)
        return total / count

    expected = [mean_loss(order[:2]), mean_loss(order[2:])]
    arguments = {"output_dir": str(tmp_path), "per_device_train_batch_size": 2, "learning_rate": 1e-12, "logging_steps": 1}
    arguments |= {"use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no", "disable_tqdm": True}
    trainer = supervised_trainer(model, tokenizer, examples, order, arguments)
    trainer.train()
    logged = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert logged == pytest.approx(expected, rel=1e-4)
