"""Memory that runs out, of a GPU or of the machine, in one line: what the run was doing, and what to set."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from sdzero_bench.core.errors import UserError

LOADING = "set model.dtype=bfloat16, or take a smaller model"
SAMPLING = "lower sampling.batch_size, or engine.gpu_memory where vLLM shares the GPU"
TRAINING = (
    "lower optimizer.micro_batch_size, or set optimizer.gradient_checkpointing=true, a small lora.rank or model.dtype=bfloat16"
)

SAID = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""By torch, for whose allocators on CPUs, and for libraries of CUDA, a RuntimeError is all there is."""


class OutOfMemoryError(UserError):
    """The settings need more memory than there is."""


@contextmanager
def memory_for(doing: str, advice: str) -> Iterator[None]:
    """Raise `OutOfMemoryError` where memory runs out inside; `advice` says which settings need less."""
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        asked = re.search(r"tried to allocate ([\d.]+ \w+)", str(error), re.IGNORECASE)
        size = f", which asked for {asked[1]} more" if asked else ""
        raise OutOfMemoryError(
            f"out of memory while {doing}{size}: {advice}; `sdzero-bench plan` estimates what settings need. --resume keeps "
            f"the settings of a run: start a new one with others, or free memory that other programs hold and resume"
        ) from error


def ran_out(error: Exception) -> bool:
    """Whether it is memory that was missing."""
    if isinstance(error, OSError):  # a file of weights that could not be mapped
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(said in str(error) for said in SAID))
