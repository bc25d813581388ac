"""The processes of one run, one a device, as `accelerate launch` or torchrun starts them.

All of them sample and train; the first keeps the books. What one of them has drawn, each of them knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig

T = TypeVar("T")


class Ranks:
    """This process among those of its run; alone unless it was launched among others."""

    def __init__(self, index: int = 0, count: int = 1) -> None:
        self.index = index
        self.count = count

    @property
    def first(self) -> bool:
        return self.index == 0

    @property
    def name(self) -> str:
        """To begin a message with; empty for the first, whose messages are the run's."""
        return "" if self.first else f"process {self.index + 1} of {self.count}: "

    def gather(self, own: Sequence[T]) -> list[T]:
        """What all processes bring, in their order; called by all of them."""
        if self.count == 1:
            return list(own)
        from accelerate.utils import gather_object

        return list(gather_object(list(own)))

    def from_first(self, value: T) -> T:
        """The first process's value, whatever the others bring; called by all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The first process runs the block before the others do, and none goes on before all have."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()
        self.wait()

    def close(self) -> None:
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()


ALONE = Ranks()


def launched() -> Ranks:
    """The processes that this one was launched among."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "LOCAL_RANK" not in os.environ:
        return ALONE
    import torch
    from accelerate import PartialState

    state: Any = PartialState(cpu=not torch.cuda.is_available())
    return Ranks(state.process_index, state.num_processes)


def sharded() -> bool:
    """Whether the launcher was told to share the weights out over the processes (FSDP)."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def require_supported(config: RunConfig, ranks: Ranks) -> None:
    """Raise `UserError` for settings that several processes cannot follow."""
    if ranks.count == 1:
        return
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        raise UserError("DeepSpeed is not supported; share the weights out with FSDP2 (`sdzero-bench launchers`)")
    if config.engine.name == "vllm":
        raise UserError("engine.name=vllm samples in one process; with several take engine.name=vllm-server or transformers")
    if config.optimizer.batch_size % ranks.count:
        raise UserError(
            f"optimizer.batch_size is {config.optimizer.batch_size}, which {ranks.count} processes cannot share evenly; "
            f"choose a multiple"
        )
    if sharded() and config.lora.rank is not None:
        raise UserError("lora.rank is not supported where weights are shared out (FSDP); adapters need so little that DDP fits")
    moving = [name for name, value in flatten(config.method).items() if name.endswith("teacher.weights") and value != "frozen"]
    if sharded() and moving:
        raise UserError(f"method.{moving[0]} has to be frozen where weights are shared out (FSDP)")
