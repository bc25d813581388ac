"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) through peft: trained instead of all weights, then merged into them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import LoraConfig

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel


def require_peft(options: LoraConfig) -> None:
    """Raise `UserError` if adapters are configured and peft is not installed."""
    if options.rank is None:
        return
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise UserError("lora.rank needs peft, which is not installed: pip install 'sdzero-bench[lora]'") from error


def adapted(model: PreTrainedModel, options: LoraConfig, seed: int) -> Any:
    """The model itself if `options.rank` is null, else a `PeftModel` of which only the adapters are trained.

    Raises `UserError` if the model has no modules with the names in `options.target_modules`, or if it is not a valid
    regular expression.
    """
    if options.rank is None:
        return model
    import peft
    from transformers import set_seed

    targets = options.target_modules
    config = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    set_seed(seed)  # adapters are initialised at random, and a repeated run has to start with the same ones
    try:
        return peft.get_peft_model(model, config)
    except (ValueError, re.error) as error:
        raise UserError(f"lora.target_modules: {' '.join(str(error).split()).rstrip('.')}") from error


def merged(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """A plain model, with the adapters added to the weights they adapt, in place."""
    return cast("PreTrainedModel", model.merge_and_unload() if has_adapters(model) else model)


def weights_of(model: PreTrainedModel | PeftModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and weights as in a plain model, with the adapters added. The model is not changed.

    Merging and unmerging would give the same, but round the weights each time.
    """
    if not has_adapters(model):
        yield from model.state_dict().items()
        return
    from peft.tuners.lora import LoraLayer

    plain = model.get_base_model()
    layers: dict[str, Any] = {
        f"{name}.weight": module for name, module in plain.named_modules() if isinstance(module, LoraLayer)
    }
    for own_name, weight in plain.state_dict().items():
        if ".lora_" not in own_name:
            name = own_name.replace(".base_layer.", ".")
            yield name, weight + layers[name].get_delta_weight("default").to(weight.dtype) if name in layers else weight


def has_adapters(model: PreTrainedModel | PeftModel) -> TypeGuard[PeftModel]:
    from accelerate.utils import is_peft_model

    return bool(is_peft_model(model))
