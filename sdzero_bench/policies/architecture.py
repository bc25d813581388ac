"""The dimensions of a model, from its configuration; no weights are read or downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import LoraConfig
from sdzero_bench.policies.loading import model_path, require_model
from sdzero_bench.policies.lora import adapted

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class Architecture:
    """The dimensions that memory and compute depend on."""

    parameters: int
    multiplied: int
    """Parameters that a token is multiplied with: all but an input embedding that is not the output head too."""
    trained: int
    """Parameters that are trained: those of the adapters, if any, else all."""
    layers: int
    hidden: int
    width: int
    """Of attention: its heads times their dimension, which need not be `hidden`."""
    key_value: int
    """Elements per token in the cache of each layer, keys and values together."""
    intermediate: int
    """Width of the feed-forward layers."""
    vocabulary: int
    context: int | None
    """Context length in tokens, if the configuration says."""
    windowed: int = 0
    """Layers that attend to the last `window` tokens only."""
    window: int = 0

    def flops(self, tokens: float, backward: bool, recomputed: bool = False) -> float:
        """FLOPs per token in a sequence of length `tokens`: 2 per parameter, and attention's; three times that with
        `backward`, and four times if the forward pass is `recomputed` (gradient checkpointing).

        Kaplan et al. 2020 (arXiv 2001.08361), section 2.1; attention as in PaLM (arXiv 2204.02311, appendix B): 4 per token
        attended to and element of `width`, which a token does to half the sequence on average, or to its window.
        """
        attended = (self.layers - self.windowed) * tokens / 2 + self.windowed * _attended(tokens, self.window)
        forward = 2.0 * self.multiplied + 4.0 * self.width * attended
        return forward * ((4.0 if recomputed else 3.0) if backward else 1.0)

    def cached(self, tokens: float) -> float:
        """Elements of the cache of one sequence of length `tokens`."""
        per_layer = (self.layers - self.windowed) * tokens + self.windowed * min(tokens, self.window)
        return self.key_value * per_layer

    def kept(self) -> float:
        """Elements per token that a layer keeps for its backward pass.

        Of a pre-norm layer with a gated feed-forward network and fused attention: the two residuals and their norms (4 hidden),
        the inputs of the projections (2 hidden), q before and after its rotation, and attention's output (3 width), keys and
        values likewise (2 key_value), and of the feed-forward network the gate, its activation, the other branch and their
        product (4 intermediate).
        """
        return 6.0 * self.hidden + 3.0 * self.width + 2.0 * self.key_value + 4.0 * self.intermediate


def _attended(tokens: float, window: float) -> float:
    """To how many tokens a token attends on average: half the sequence, or at most the window."""
    return tokens / 2 if tokens <= window else window - window**2 / (2 * tokens)


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
    "Qwen/Qwen2.5-Coder-0.5B-Instruct": {
        "model_type": "qwen2",
        "vocab_size": 151936,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "tie_word_embeddings": True,
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
    require_model(name)
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
    return architecture_of(configuration(name), lora)


def architecture_of(config: PretrainedConfig, lora: LoraConfig = NO_ADAPTERS) -> Architecture:
    """As `architecture`, of a configuration."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        parameters = model.num_parameters()
        trained = adapted(model, lora, seed=0).num_parameters(only_trainable=True)
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    window = getattr(text, "sliding_window", None) or 0
    windowed = sum(kind == "sliding_attention" for kind in getattr(text, "layer_types", None) or []) if window else 0
    return Architecture(
        parameters=parameters,
        multiplied=parameters - (0 if text.tie_word_embeddings else text.vocab_size * text.hidden_size),
        trained=trained,
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        width=text.num_attention_heads * head,
        key_value=2 * heads * head,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        vocabulary=text.vocab_size,
        context=getattr(text, "max_position_embeddings", None),
        windowed=windowed,
        window=window,
    )
