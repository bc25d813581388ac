"""Supervised fine-tuning on token sequences, through TRL's SFTTrainer."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.training.arguments import TrainerArguments

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTTrainer

MEGABATCH = 50
"""Number of batches within which examples are sorted by length; these batches are then shuffled."""


@dataclass(frozen=True)
class Example:
    """A context and a target, as token ids: the loss is -log pi(target | context)."""

    context: tuple[int, ...]
    target: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.context) + len(self.target)


MOST_EXAMPLES = 10**8


def order_of_training(lengths: Sequence[int], epochs: float, batch: int, seed: int) -> list[int]:
    """Indices of the examples in training order, `batch` per step, for all epochs.

    Each epoch is shuffled; within every 50 batches, examples of similar length share a batch, which keeps padding low, and the
    batches are in random order. The order is fixed before the first step, so that a resumed run has the same batches.

    Raises `UserError` for an implausible number of epochs.
    """
    if epochs * len(lengths) > MOST_EXAMPLES:
        raise UserError(
            f"{epochs:g} epochs over {len(lengths)} examples exceed the limit of {MOST_EXAMPLES:,} examples; lower the epochs"
        )
    rng = random.Random(seed)
    stream = [i for _ in range(math.ceil(epochs)) for i in rng.sample(range(len(lengths)), len(lengths))]
    del stream[round(epochs * len(lengths)) :]
    order: list[int] = []
    for start in range(0, len(stream), MEGABATCH * batch):
        alike = sorted(stream[start : start + MEGABATCH * batch], key=lambda i: lengths[i])
        batches = [alike[i : i + batch] for i in range(0, len(alike), batch)]
        rest = batches.pop() if len(batches[-1]) < batch else []
        rng.shuffle(batches)
        order += [i for full in batches for i in full] + rest
    return order


def full_batches(order: list[int], batch: int) -> list[int]:
    """The order without an incomplete last batch, unless that is the only one."""
    return order[: len(order) // batch * batch] or order


def supervised_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    order: Sequence[int],
    arguments: TrainerArguments,
    processes: int = 1,
) -> SFTTrainer:
    """An SFTTrainer whose loss is the mean over the target tokens of a batch; `order` indexes the examples, for all epochs."""
    from datasets import Dataset
    from trl import SFTConfig

    from sdzero_bench.training.trl_given_rows import OpenSFTTrainer

    # The last batch is padded with an example without a target, so that each process has the same number: accelerate would
    # repeat examples of the first batch.
    lacking = -len(order) % (processes * arguments["per_device_train_batch_size"]) if processes > 1 else 0
    shortest = min(examples, key=len)
    nothing = Example((*shortest.context, *shortest.target), ())
    order, examples = [*order, *[len(examples)] * lacking], [*examples, nothing]
    rows = Dataset.from_dict(
        {
            "input_ids": [[*e.context, *e.target] for e in examples],
            "labels": [[-100] * len(e.context) + list(e.target) for e in examples],
        }
    )
    config = SFTConfig(
        **arguments,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        max_length=None,  # what does not fit was refused before it was sampled; nothing is truncated here
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return OpenSFTTrainer(model=model, args=config, train_dataset=rows.select(order), processing_class=tokenizer)
