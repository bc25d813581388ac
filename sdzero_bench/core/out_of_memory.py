"""Out-of-memory errors, of a GPU or of the machine, as one line: what the run was doing, and what to set."""

from __future__ import annotations

import errno
import gc
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sdzero_bench.core.errors import UserError

LOADING = "use a smaller model, or shard it over several GPUs (`sdzero-bench launchers fsdp2`)"
SAMPLING = "lower sampling.batch_size, or engine.gpu_memory if vLLM shares the GPU"
TRAINING = (
    "lower optimizer.micro_batch_size, or set optimizer.gradient_checkpointing=true or a small lora.rank; on GPUs, also set "
    "optimizer.name=adamw_8bit, or shard the weights over several (`sdzero-bench launchers fsdp2`)"
)

MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""In a RuntimeError: torch's CPU allocators and CUDA's libraries have no exception class of their own for it."""


class OutOfMemoryError(UserError):
    """The settings need more memory than is available."""


@contextmanager
def memory_for(doing: str, advice: str) -> Iterator[None]:
    """Raise `OutOfMemoryError` if the block runs out of memory; `advice` says which settings need less."""
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        asked = re.search(r"tried to allocate ([\d.]+ \w+)", str(error), re.IGNORECASE)
        size = f", which asked for {asked[1]} more" if asked else ""
        raise OutOfMemoryError(
            f"out of memory while {doing}{size}: {advice}; `sdzero-bench plan` estimates the memory needed. --resume keeps "
            f"a run's settings: start a new run with other settings, or free memory held by other programs and resume"
        ) from error


def release_memory() -> None:
    """Free what only reference cycles hold, such as the model of a finished trainer, on the GPU as well."""
    gc.collect()
    torch = sys.modules.get("torch")  # without torch there is nothing to free
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def ran_out(error: Exception) -> bool:
    """Whether the error means that memory ran out."""
    if isinstance(error, OSError):  # a weights file that could not be memory-mapped
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(message in str(error) for message in MESSAGES)
    )
