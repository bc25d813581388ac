"""Fine-tuning with a signed weight for each example, such as an advantage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from sdzero_bench.training.arguments import TrainerArguments
from sdzero_bench.training.supervised import Example

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def weighted_rows(examples: Sequence[tuple[Example, float]]) -> Dataset:
    """The examples with their weights, in the columns that the trainer reads."""
    return Dataset.from_list(
        [
            {
                "input_ids": [*example.context, *example.target],
                "labels": [-100] * len(example.context) + list(example.target),
                "weights": weight,
            }
            for example, weight in examples
        ]
    )


class WeightedTrainer(Trainer):
    """Minimises the mean over the target tokens of a batch of -weight * log pi(token), less those below `mask_below`."""

    def __init__(self, mask_below: float | None, **parts: Any) -> None:
        super().__init__(**parts)
        self.mask_below = mask_below

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The loss of a micro-batch, as a share of that of the whole batch with `num_items_in_batch` target tokens."""
        labels, weights = inputs["labels"][:, 1:], inputs["weights"]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        log_p = outputs.logits[:, :-1].float().log_softmax(-1)
        taken = log_p.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        mask = labels != -100
        count = mask.sum() if num_items_in_batch is None else num_items_in_batch
        if self.mask_below is not None:
            mask = mask & (taken.detach() >= self.mask_below)
        loss = -(taken * mask * weights.unsqueeze(1)).sum() / count
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


def weighted_trainer(
    mask_below: float | None,
    *,
    model: PreTrainedModel,
    arguments: TrainerArguments,
    train_dataset: Dataset,
    processing_class: PreTrainedTokenizerBase,
) -> WeightedTrainer:
    """The trainer of rows from `weighted_rows`, in their order."""
    return WeightedTrainer(
        mask_below,
        model=model,
        args=TrainingArguments(**arguments, train_sampling_strategy="sequential", remove_unused_columns=False),
        train_dataset=train_dataset,
        processing_class=processing_class,
        data_collator=DataCollatorForSeq2Seq(processing_class),
    )
