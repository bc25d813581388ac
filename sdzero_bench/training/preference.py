"""Preferences through TRL: DPOTrainer on pairs, KTOTrainer on judged samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datasets import Dataset
from trl import DPOConfig, KTOConfig

from sdzero_bench.core.errors import UserError
from sdzero_bench.training.arguments import TrainerArguments
from sdzero_bench.training.options import PreferenceOptions
from sdzero_bench.training.preference_data import Judged, PreferencePair
from sdzero_bench.training.trl_given_rows import OpenDPOTrainer, OpenKTOTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def preference_rows(rows: Sequence[PreferencePair] | Sequence[Judged], order: Sequence[int]) -> Dataset:
    """The rows in this order, with the columns that TRL's collators read."""
    found: list[dict[str, object]] = []
    for row in (rows[i] for i in order):
        if isinstance(row, PreferencePair):
            found.append({"prompt_ids": row.prompt, "chosen_ids": row.chosen, "rejected_ids": row.rejected})
        else:
            found.append({"prompt_ids": row.prompt, "completion_ids": row.completion, "label": row.right})
    return Dataset.from_list(found)


def at_least_two(arguments: TrainerArguments) -> TrainerArguments:
    """The same batch in micro-batches of two rows or more, of which KTO's estimate of the KL is made.

    Raises `UserError` if a process has one row of each step.
    """
    size, times = arguments["per_device_train_batch_size"], arguments.get("gradient_accumulation_steps", 1)
    if size == 1:
        more = next((count for count in range(2, times + 1) if times % count == 0), None)
        if more is None:
            raise UserError("KTO compares the rows of a step; raise optimizer.batch_size to two for each process")
        size, times = more, times // more
    return {"per_device_train_batch_size": size, "gradient_accumulation_steps": times}


def preference_trainer(
    options: PreferenceOptions,
    *,
    model: PreTrainedModel,
    arguments: TrainerArguments,
    train_dataset: Dataset,
    processing_class: PreTrainedTokenizerBase,
) -> OpenDPOTrainer | OpenKTOTrainer:
    """The trainer of these rows. The reference policy is `model` as it is now, whose log-probabilities are computed first."""
    shared: TrainerArguments = {
        **arguments,
        "beta": options.beta,
        "max_length": None,  # what does not fit was refused before it was sampled
        "precompute_ref_log_probs": True,
        "train_sampling_strategy": "sequential",
    }
    parts = {"model": model, "train_dataset": train_dataset, "processing_class": processing_class}
    if "chosen_ids" in train_dataset.column_names:
        losses = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, options.nll_weight]} if options.nll_weight else {}
        return OpenDPOTrainer(args=DPOConfig(**shared, **losses), **parts)  # type: ignore[arg-type]
    # Equation 9 of the KTO paper: both kinds count alike, however many there are of each.
    right = max(sum(train_dataset["label"]), 1)
    wrong = max(len(train_dataset) - right, 1)
    weights = {"desirable_weight": max(1.0, wrong / right), "undesirable_weight": max(1.0, right / wrong)}
    return OpenKTOTrainer(args=KTOConfig(**{**shared, **weights, **at_least_two(arguments)}), **parts)
