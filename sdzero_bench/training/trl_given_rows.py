"""What is not public in TRL's trainers on given rows and is overridden by this package: fine-tuning, DPO and KTO.

tests/test_trl_compat.py compares it with the installed TRL, as it does trl_compat.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trl import DPOTrainer, KTOTrainer, SFTTrainer

from sdzero_bench.training.steps import SteppedTrainer

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import TrainerState
    from trl import DPOConfig, KTOConfig


class _TokensKept:
    """What TRL logs as `num_tokens`: kept in the state, as its on-policy trainers do, it goes on when a run is resumed."""

    if TYPE_CHECKING:
        state: TrainerState

    @property
    def _total_train_tokens(self) -> int:
        return int(self.state.num_input_tokens_seen)

    @_total_train_tokens.setter
    def _total_train_tokens(self, count: int) -> None:
        self.state.num_input_tokens_seen = count


class OpenSFTTrainer(_TokensKept, SteppedTrainer, SFTTrainer):
    """SFTTrainer, in micro-batches."""


class _ReferenceInItsFolder:
    """The log-probabilities of the reference policy are in a file of the trainer's folder, which all processes read.

    TRL gives rows that are in memory a file with a random name in each process, and the first one writes its own alone. The
    file of an earlier session is computed again, so that its tokens are counted.
    """

    if TYPE_CHECKING:
        args: Any
        accelerator: Any

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        path = Path(self.args.output_dir) / f"reference.{name}.arrow"
        if self.accelerator.is_main_process:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        rows: Any = dataset
        rows._get_cache_file_path = lambda fingerprint: str(path)
        parent: Any = super()
        found: Dataset = parent._precompute_ref_logps(rows, name, batch_size)
        return found


class OpenDPOTrainer(_ReferenceInItsFolder, _TokensKept, DPOTrainer):
    """DPOTrainer on token ids: the columns `prompt_ids`, `chosen_ids` and `rejected_ids`."""

    def _prepare_dataset(self, dataset: Dataset, processing_class: object, args: DPOConfig, dataset_name: str) -> Dataset:
        return dataset


class OpenKTOTrainer(_ReferenceInItsFolder, _TokensKept, KTOTrainer):
    """KTOTrainer on token ids: the columns `prompt_ids`, `completion_ids` and `label`."""

    def _prepare_dataset(self, dataset: Dataset, processing_class: object, args: KTOConfig, dataset_name: str) -> Dataset:
        """With the completions that estimate the KL: in each micro-batch, that of the row before, as TRL has it."""
        given = list(dataset["completion_ids"])
        size = args.per_device_train_batch_size
        micro_batches = [given[i : i + size] for i in range(0, len(given), size)]
        return dataset.add_column("KL_completion_ids", [ids for batch in micro_batches for ids in [batch[-1], *batch[:-1]]])
