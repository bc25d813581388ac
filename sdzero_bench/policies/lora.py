"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) through peft: trained in the place of all weights, merged when done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import LoraConfig

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def require_peft(options: LoraConfig) -> None:
    """Raise `UserError` if adapters are asked for and peft is not installed."""
    if options.rank is None:
        return
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise UserError("lora.rank needs peft, which is not installed: pip install 'sdzero-bench[lora]'") from error


def adapted(model: PreTrainedModel, options: LoraConfig, seed: int) -> Any:
    """The model itself where `options.rank` is null, else a `PeftModel` whose adapters alone are trained.

    Raises `UserError` if the model has no modules of the names asked for.
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
    set_seed(seed)  # adapters begin at random, and a run that is repeated has to begin with the same ones
    try:
        return peft.get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"lora.target_modules: {' '.join(str(error).split()).rstrip('.')}") from error


def merged(model: Any) -> PreTrainedModel:
    """A plain model again, in place: adapters are added to the weights that they adapt."""
    return model.merge_and_unload() if _has_adapters(model) else model


def weights_of(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and weights of the policy as a plain model has them, adapters added; the model is left as it is.

    Merging and unmerging would do the same, but round the weights each time.
    """
    if not _has_adapters(model):
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


def _has_adapters(model: Any) -> bool:
    from accelerate.utils import is_peft_model

    return bool(is_peft_model(model))
