"""In which data type a run draws its samples."""

from __future__ import annotations

from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.loading import device

SamplingDtype = Literal["float32", "bfloat16"]


def sampling_dtype(config: RunConfig) -> SamplingDtype:
    """That of `engine.dtype`; auto: bfloat16 on GPUs, and the weights' own on CPUs.

    Raises `UserError` if samples were to be drawn in float32 from weights in bfloat16, which is no more precise.
    """
    weights, wanted = config.model.weights_dtype, config.engine.dtype
    if wanted == "float32" and weights == "bfloat16":
        raise UserError("engine.dtype=float32 gains nothing with model.dtype=bfloat16; leave engine.dtype at auto")
    if wanted != "auto":
        return wanted
    return weights if device(config.model) == "cpu" else "bfloat16"
