"""What every trainer does in an optimizer step: micro-batches of bounded size, under a schedule that wastes no step."""

from __future__ import annotations

import contextlib
import math
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch.optim.lr_scheduler import LambdaLR

from sdzero_bench.training.micro_batches import Batch, MicroBatchLimits, grouped, row_lengths, split_to, trimmed

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import TrainingArguments

MAX_WARMUP = 0.1
"""Largest share of the steps that may warm up."""


def learning_rate_factor(step: int, steps: int, warmup_ratio: float, schedule: str) -> float:
    """Factor of the learning rate in optimizer step `step`, from 0, of a phase of `steps` steps.

    W = ceil(warmup_ratio * steps) steps warm up, at most 10 % of them, with factors 1/W, 2/W, ..., 1: no step has the learning
    rate 0. The others follow with progress p = 0, ..., below 1: cosine (1 + cos(pi p)) / 2, linear 1 - p, constant 1.
    """
    warmup = min(math.ceil(warmup_ratio * steps), math.floor(MAX_WARMUP * steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(1, steps - warmup), 1.0)
    if schedule == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    return 1 - progress if schedule == "linear" else 1.0


class SteppedTrainer:
    """Mixed in before a trainer of transformers or TRL whose batch on a device is that of a whole optimizer step."""

    limits = MicroBatchLimits(rows=1_000_000)
    """How the batch is split into micro-batches."""
    batch: Batch | None = None
    """Of the last step."""
    mean_over_rows = False
    """Whether the loss of a batch is a mean over its rows, instead of a sum with a divisor that is that of the step."""

    if TYPE_CHECKING:  # attributes of the trainers
        accelerator: Accelerator
        args: TrainingArguments
        optimizer: torch.optim.Optimizer | None
        lr_scheduler: LambdaLR | None

    def micro_batches(self, batch: Batch) -> list[list[int]]:
        """Indices of the rows of each micro-batch. Their number is the same in every process, as collectives require."""
        groups = grouped(row_lengths(batch), self.limits)
        if self.accelerator.num_processes == 1:
            return groups
        count = torch.tensor([len(groups)], device=self.accelerator.device)
        return split_to(groups, int(self.accelerator.gather(count).max()))

    def compute_loss(
        self, model: torch.nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of the batch, a scalar, whose gradient is that of the last micro-batch: the others have run backward."""
        groups, rows = self.micro_batches(inputs), len(next(iter(inputs.values())))
        self.batch = inputs
        before = torch.zeros((), device=self.accelerator.device)
        for i, group in enumerate(groups):
            last = i == len(groups) - 1
            share = len(group) / rows if self.mean_over_rows else 1.0
            # Gradients are added up in each process, and reduced over the processes once, with the last micro-batch.
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                parent: Any = super()
                loss = share * parent.compute_loss(model, trimmed(inputs, group), num_items_in_batch=num_items_in_batch)
                if last:
                    return before + loss
                self.accelerator.backward(loss)
                before += loss.detach()
        raise ValueError("a batch without rows")

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LambdaLR:
        """The schedule of `learning_rate_factor`."""
        if self.lr_scheduler is None:
            factor = partial(
                learning_rate_factor,
                steps=num_training_steps,
                warmup_ratio=float(self.args.warmup_steps),
                schedule=str(getattr(self.args.lr_scheduler_type, "value", self.args.lr_scheduler_type)),
            )
            self.lr_scheduler = LambdaLR(cast("torch.optim.Optimizer", optimizer or self.optimizer), factor)
            self._created_lr_scheduler = True
        return self.lr_scheduler
