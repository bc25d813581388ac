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
        if self.dtype == "float32":
            with unwrapped(self.model), torch.autocast(self.model.device.type, enabled=False):
                return self.engine.generate(requests, parameters)
        with cast_once(self.model), torch.autocast(self.model.device.type, torch.bfloat16):
            return self.engine.generate(requests, parameters)


@contextmanager
def cast_once(model: PreTrainedModel) -> Iterator[None]:
    """Have autocast keep the casts of all weights for the length of its block: of frozen ones it keeps none by itself."""
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


@contextmanager
def unwrapped(model: PreTrainedModel) -> Iterator[None]:
    """Without the autocast that accelerate wraps around the `forward` of a model in training."""
    wrapper = model.__dict__.pop("forward", None) if "_original_forward" in model.__dict__ else None
    try:
        yield
    finally:
        if wrapper is not None:
            model.__dict__["forward"] = wrapper
