"""The dimensions of a model, from its configuration; no weights are read or downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import LoraConfig
from sdzero_bench.policies.loading import model_path
from sdzero_bench.policies.lora import adapted

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class Architecture:
    """The dimensions that memory and compute depend on."""

    parameters: int
    trained: int
    """Parameters that are trained: those of the adapters, if any, else all."""
    layers: int
    hidden: int
    key_value: int
    """Elements per token in the cache of each layer, keys and values together."""
    vocabulary: int
    context: int
    """Context length in tokens."""

    def flops(self, tokens: float, backward: bool) -> float:
        """FLOPs per token in a sequence of length `tokens`: 2 per parameter and those of attention; three times that with
        `backward`.

        Kaplan et al. 2020 (arXiv 2001.08361), section 2.1; attention as in PaLM (arXiv 2204.02311, appendix B), halved,
        since a token attends only to those before it.
        """
        forward = 2.0 * self.parameters + 2.0 * self.layers * self.hidden * tokens
        return 3.0 * forward if backward else forward


KNOWN: dict[str, dict[str, Any]] = {
    "Qwen/Qwen3-4B-Instruct-2507": {
        "model_type": "qwen3",
        "vocab_size": 151936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 262144,
        "tie_word_embeddings": True,
    },
    "allenai/Olmo-3-7B-Instruct": {
        "model_type": "olmo3",
        "vocab_size": 100278,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 65536,
        "tie_word_embeddings": False,
    },
    "HuggingFaceTB/SmolLM2-135M-Instruct": {
        "model_type": "llama",
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    },
}
"""Published configurations of the models in the presets, so that a plan needs no network."""


NO_ADAPTERS = LoraConfig()


def configuration(name: str) -> PretrainedConfig:
    """The configuration of a model. Raises `UserError` if it cannot be loaded."""
    from transformers import AutoConfig

    if name in KNOWN:
        known: PretrainedConfig = AutoConfig.for_model(**KNOWN[name])
        return known
    path = model_path(name)
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(path)
        return config
    except (OSError, ValueError) as error:
        raise UserError(f"no configuration could be loaded from {path!r}: {str(error).strip().splitlines()[0]}") from error


def context_length(name: str) -> int | None:
    """How many tokens the model reads; None if its configuration does not say. Raises as `configuration` does."""
    length: int | None = getattr(configuration(name).get_text_config(), "max_position_embeddings", None)
    return length


@cache
def architecture(name: str, lora: LoraConfig = NO_ADAPTERS) -> Architecture:
    """The architecture of a model in a directory or on the Hub.

    Raises `UserError` if its configuration cannot be loaded, or if it has no layers named in `lora.target_modules`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = configuration(name)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        parameters = model.num_parameters()
        trained = adapted(model, lora, seed=0).num_parameters(only_trainable=True)
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Architecture(
        parameters=parameters,
        trained=trained,
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        key_value=2 * heads * head,
        vocabulary=text.vocab_size,
        context=text.max_position_embeddings,
    )
