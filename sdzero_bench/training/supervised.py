"""Supervised fine-tuning on token sequences, through TRL's SFTTrainer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Example:
    """A context, of which nothing is learnt, and a target, of which every token is: the loss is -log pi(target | context)."""

    context: tuple[int, ...]
    target: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.context) + len(self.target)


def supervised_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    epochs: float,
    arguments: dict[str, Any],
) -> Any:
    """An SFTTrainer whose loss is the mean over the target tokens of a batch."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = Dataset.from_dict(
        {
            "input_ids": [[*e.context, *e.target] for e in examples],
            "labels": [[-100] * len(e.context) + list(e.target) for e in examples],
        }
    )
    config = SFTConfig(
        **arguments,
        num_train_epochs=epochs,
        max_length=None,  # what does not fit was refused before it was sampled; nothing is cut here
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer)
