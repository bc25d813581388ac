"""Samples of the transformers engine in another data type than that of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from sdzero_bench.core.completion import Completion, Engine, Request, SamplingParameters
from sdzero_bench.policies.engines.sampling_dtype import SamplingDtype

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class MixedPrecisionEngine:
    """Samples in float32, or in bf16 autocast, from a model whose weights are in float32.

    Autocast rather than a copy in bfloat16: training computes in it as well, so the policy that samples is the one that is
    trained, to the same rounding. The weights are cast once per call.
    """

    def __init__(self, engine: Engine, model: PreTrainedModel, dtype: SamplingDtype) -> None:
        self.engine = engine
        self.model = model
        self.dtype = dtype
        self.name, self.version, self.batch_size = engine.name, engine.version, engine.batch_size

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        kind = self.model.device.type
        with unwrapped(self.model), torch.autocast(kind, torch.bfloat16, enabled=self.dtype == "bfloat16"):
            return self.engine.generate(requests, parameters)


@contextmanager
def unwrapped(model: PreTrainedModel) -> Iterator[None]:
    """Without the autocast that accelerate wraps around the `forward` of a model in training."""
    wrapper = model.__dict__.pop("forward", None) if "_original_forward" in model.__dict__ else None
    try:
        yield
    finally:
        if wrapper is not None:
            model.__dict__["forward"] = wrapper
