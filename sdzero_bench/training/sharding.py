"""Weights that FSDP2 shares out over the processes of a run, put together again. Each function is called by all of them."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor


def is_sharded(model: Any) -> bool:
    return any(isinstance(parameter, DTensor) for parameter in model.parameters())


def whole_weights(model: Any) -> dict[str, torch.Tensor] | None:
    """The model's weights, whole in every process; None if they are not shared out."""
    if not is_sharded(model):
        return None
    return {name: _whole(weight) for name, weight in model.state_dict().items()}


def whole_copy(model: Any, reuse: Any = None) -> Any:
    """A model with the same weights, in one piece: `reuse` with new weights, or one made here."""
    copy = reuse
    if copy is None:
        with torch.device(model.device):
            copy = type(model)(model.config).to(model.dtype).eval().requires_grad_(False)
        copy.generation_config = model.generation_config
    with torch.no_grad():
        own = copy.state_dict()
        for name, weight in model.state_dict().items():
            own[name].copy_(_whole(weight))
    return copy


def _whole(weight: torch.Tensor) -> torch.Tensor:
    return weight.full_tensor() if isinstance(weight, DTensor) else weight
