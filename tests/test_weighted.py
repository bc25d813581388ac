"""Fine-tuning with signed weights: the loss is that of the formula, and with equal weights that of fine-tuning."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model
from torch import Tensor

from sdzero_bench.training.supervised import Example, supervised_trainer
from sdzero_bench.training.weighted import weighted_rows, weighted_trainer

EXAMPLES = [
    Example((20, 21, 22), (30, 31)),
    Example((40,), (50, 51, 52, 53)),
    Example((60, 61), (70,)),
    Example((1, 2, 5, 9), (3, 8, 100)),
]
WEIGHTS = [1.0, -0.5, 0.0, 0.25]
TARGETS = sum(len(example.target) for example in EXAMPLES)


def arguments(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder),
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "per_device_train_batch_size": 4,
        "max_steps": 1,
        "logging_steps": 1,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        **more,
    }


def trained(
    tokenizer: Any, folder: Path, weights: list[float], mask_below: float | None = None, **more: Any
) -> tuple[list[float], dict[str, Tensor]]:
    """Logged losses, and the weights in the end."""
    model = tiny_model(tokenizer, 0)
    rows = weighted_rows(list(zip(EXAMPLES, weights, strict=True)))
    parts: Any = {"model": model, "train_dataset": rows, "processing_class": tokenizer}
    trainer = weighted_trainer(mask_below, arguments=arguments(folder, **more), **parts)
    trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row], model.state_dict()


def exact(model: Any, mask_below: float | None) -> Tensor:
    """-(1/N) sum of weight * log pi over the target tokens, each sequence on its own."""
    total = torch.zeros((), dtype=torch.float64)
    for example, weight in zip(EXAMPLES, WEIGHTS, strict=True):
        ids = torch.tensor([[*example.context, *example.target]])
        log_p = model(ids).logits[0, len(example.context) - 1 : -1].log_softmax(-1)
        own = log_p.gather(-1, torch.tensor(example.target)[:, None])[:, 0]
        kept = [p for p in own if mask_below is None or p >= mask_below]
        assert mask_below is None or len(kept) < len(own) or weight != 1.0
        total = total - weight * sum(kept)
    return total / TARGETS


@pytest.mark.parametrize("mask_below", [None, -6.0])
def test_loss_and_gradient_are_those_of_the_formula(mask_below: float | None, tokenizer: Any, tmp_path: Path) -> None:
    model = tiny_model(tokenizer, 0)
    precise = copy.deepcopy(model).double()
    expected = exact(precise, mask_below)
    expected.backward()
    rows = weighted_rows(list(zip(EXAMPLES, WEIGHTS, strict=True)))
    parts: Any = {"model": model, "train_dataset": rows, "processing_class": tokenizer}
    trainer = weighted_trainer(mask_below, arguments=arguments(tmp_path), **parts)
    (batch,) = trainer.get_train_dataloader()
    assert (batch["attention_mask"] == 0).any()
    loss = trainer.compute_loss(model, batch)
    loss.backward()
    torch.testing.assert_close(loss.double(), expected.detach(), rtol=1e-4, atol=1e-6)
    for got, want in zip(model.parameters(), precise.parameters(), strict=True):
        torch.testing.assert_close(got.grad.double(), want.grad, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("mask_below", [None, -6.0])
def test_loss_and_step_do_not_depend_on_micro_batches(mask_below: float | None, tokenizer: Any, tmp_path: Path) -> None:
    """The divisor is the number of target tokens of the whole batch."""
    whole = trained(tokenizer, tmp_path, WEIGHTS, mask_below, optim="sgd")
    expected = exact(tiny_model(tokenizer, 0).double(), mask_below)
    assert whole[0] == [pytest.approx(float(expected.detach()), rel=1e-4)]
    for size in (1, 2):
        more = {"per_device_train_batch_size": size, "gradient_accumulation_steps": 4 // size}
        parts = trained(tokenizer, tmp_path, WEIGHTS, mask_below, optim="sgd", **more)
        assert parts[0] == [pytest.approx(whole[0][0], rel=1e-4)]
        for name, weight in parts[1].items():
            torch.testing.assert_close(weight, whole[1][name], rtol=1e-4, atol=1e-6)
    start = tiny_model(tokenizer, 0).state_dict()
    assert any((whole[1][name] - weight).abs().max() > 1e-4 for name, weight in start.items())


def test_with_weights_of_1_it_is_fine_tuning(tokenizer: Any, tmp_path: Path) -> None:
    model = tiny_model(tokenizer, 0)
    settings = arguments(tmp_path, per_device_train_batch_size=2, max_steps=2)
    fine_tuning = supervised_trainer(model, tokenizer, EXAMPLES, range(4), settings)
    fine_tuning.train()
    losses, weights = trained(tokenizer, tmp_path, [1.0] * 4, per_device_train_batch_size=2, max_steps=2)
    assert losses == pytest.approx([row["loss"] for row in fine_tuning.state.log_history if "loss" in row], rel=1e-5)
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=1e-5)
