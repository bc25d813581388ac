"""Weights that FSDP2 shards over the processes of a run, gathered again. Every process must call each function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.distributed.tensor import DTensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def is_sharded(model: torch.nn.Module) -> bool:
    return any(isinstance(parameter, DTensor) for parameter in model.parameters())


def whole_weights(model: torch.nn.Module) -> dict[str, torch.Tensor] | None:
    """The model's full weights, in every process; None if they are not sharded."""
    return dict(whole_weights_one_by_one(model)) if is_sharded(model) else None


def whole_weights_one_by_one(model: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and full weights, of which one at a time is gathered. Tied weights come under each of their names."""
    for name, weight in model.state_dict().items():
        yield name, _whole(weight)


def whole_copy(model: PreTrainedModel, reuse: PreTrainedModel | None = None) -> PreTrainedModel:
    """A model with the same weights, not sharded: `reuse` with new weights, or a new one."""
    copy: Any = reuse
    if copy is None:
        with torch.device(model.device):
            new: Any = type(model)(model.config)
            copy = new.to(model.dtype).eval().requires_grad_(False)
        copy.generation_config = model.generation_config
    with torch.no_grad():
        own = copy.state_dict()
        for name, weight in whole_weights_one_by_one(model):
            own[name].copy_(weight)
    result: PreTrainedModel = copy
    return result


def fingerprint(model: torch.nn.Module) -> list[float]:
    """One number per trained weight tensor, of this process's part of it: equal ones mean that nothing was trained."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    local = [parameter.to_local() if isinstance(parameter, DTensor) else parameter for parameter in trained]
    return [float(part.detach().sum(dtype=torch.float64)) for part in local]


def _whole(weight: torch.Tensor) -> torch.Tensor:
    return weight.full_tensor() if isinstance(weight, DTensor) else weight
