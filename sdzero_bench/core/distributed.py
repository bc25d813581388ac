"""The processes (ranks) of one run, one per device, as started by `accelerate launch` or torchrun.

All ranks sample and train; the first one does the bookkeeping. Samples are gathered, so that every rank has all of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig

T = TypeVar("T")

PRECEDENCE_SECONDS = 20.0
"""Longer than a process takes to end, and the launcher to notice it."""


class Ranks:
    """This process (rank `index`) and the number of processes in its run; 1 unless launched with others."""

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.index = index
        self.count = count

    @property
    def first(self) -> bool:
        return self.index == 0

    @property
    def name(self) -> str:
        """A prefix for messages; empty for the first rank, which speaks for the run."""
        return "" if self.first else f"process {self.index + 1} of {self.count}: "

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This rank's part of `items`: consecutive, and at most one longer than that of any other rank."""
        return items[len(items) * self.index // self.count : len(items) * (self.index + 1) // self.count]

    def gather(self, own: Sequence[T]) -> list[T]:
        """The items of all ranks, in rank order. Collective: every rank has to call it."""
        if self.count == 1:
            return list(own)
        from accelerate.utils import gather_object

        return list(gather_object(list(own)))

    def from_first(self, value: T) -> T:
        """The first rank's value, on every rank. Collective: every rank has to call it."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        received: list[T] = broadcast_object_list([value])
        return received[0]

    def wait(self) -> None:
        """Block until all ranks have called it."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The first rank runs the block before the others; no rank continues until all have run it."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()
        self.wait()

    def close(self) -> None:
        """End the process group."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()


ALONE = Ranks()


def launched() -> Ranks:
    """This process's rank among the processes it was launched with."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "LOCAL_RANK" not in os.environ:
        return ALONE
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return Ranks(state.process_index, state.num_processes)


def give_precedence(ranks: Ranks) -> None:
    """To be called by a rank that has failed: let the first one speak if that failed too.

    Ranks fail together, for the same reason or because they have lost the first one; the launcher ends them once that is gone.
    """
    if not ranks.first:
        time.sleep(PRECEDENCE_SECONDS)


def sharded() -> bool:
    """Whether the launcher was configured to shard the weights over the ranks (FSDP)."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def require_supported(config: RunConfig, ranks: Ranks, shards: bool | None = None) -> None:
    """Raise `UserError` for settings that do not work with several processes.

    `shards`: whether they shard the weights; None: as this process was launched.
    """
    if ranks.count == 1:
        return
    shards = sharded() if shards is None else shards
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        raise UserError("DeepSpeed is not supported; shard the weights with FSDP2 (`sdzero-bench launch --sharding fsdp2`)")
    if config.model.device.startswith("cuda:"):
        raise UserError(
            f"model.device={config.model.device} is one GPU, and each of {ranks.count} processes needs its own; leave it out"
        )
    if config.optimizer.batch_size % ranks.count:
        raise UserError(
            f"optimizer.batch_size={config.optimizer.batch_size} cannot be divided evenly among {ranks.count} processes; "
            f"choose a multiple of {ranks.count}"
        )
    if shards and config.lora.rank is not None:
        raise UserError(
            "lora.rank is not supported with sharded weights (FSDP); adapters need so little memory that DDP is enough"
        )
