"""The settings that all trainers share, so that methods differ only in their objective."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import OptimizerConfig

TrainerArguments = dict[str, Any]
"""Keyword arguments of TRL's configs, which are more than a hundred and of every type."""


def require_optimizer(optimizer: OptimizerConfig) -> None:
    """Raise `UserError` if 8-bit moments are configured and bitsandbytes is not installed."""
    if optimizer.name == "adamw_8bit" and find_spec("bitsandbytes") is None:
        raise UserError(
            "optimizer.name=adamw_8bit needs bitsandbytes, which is not installed: pip install 'sdzero-bench[memory]'"
        )


def trainer_arguments(
    optimizer: OptimizerConfig, processes: int, output: Path, seed: int, bf16: bool, cpu: bool, learning_rate: float | None
) -> TrainerArguments:
    """Keyword arguments for any TRL config. `learning_rate` replaces the shared one if a method sets its own.

    Raises `UserError` for a batch that the processes cannot share evenly.
    """
    batch, rest = divmod(optimizer.batch_size, processes)
    if rest:
        raise UserError(f"a batch of {optimizer.batch_size} cannot be shared evenly by {processes} processes")
    return {
        "output_dir": str(output),
        "seed": seed,
        "learning_rate": learning_rate or optimizer.learning_rate,
        # The batch of a whole step: the trainers split it into micro-batches themselves (training/steps.py).
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": 1,
        **({"optim": "adamw_bnb_8bit"} if optimizer.name == "adamw_8bit" else {}),
        "weight_decay": optimizer.weight_decay,
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "warmup_steps": optimizer.warmup_ratio,
        "lr_scheduler_type": optimizer.schedule,
        "max_grad_norm": optimizer.max_grad_norm,
        "gradient_checkpointing": optimizer.gradient_checkpointing,
        "bf16": bf16,
        "use_cpu": cpu,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": optimizer.save_every,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "ddp_find_unused_parameters": False,
    }
