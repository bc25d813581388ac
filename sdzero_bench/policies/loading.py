"""Loading policies: any causal language model that transformers supports, from a directory or the Hub."""

from __future__ import annotations

import os
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.out_of_memory import LOADING, memory_for
from sdzero_bench.core.reaching_the_hub import hub_is_reachable
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies.devices import in_this_process
from sdzero_bench.policies.gguf import dequantised, is_gguf

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


LOST_UPDATES = (
    "model.dtype=bfloat16 loses updates that are smaller than its step: at a learning rate of 5e-6, only 5 to 8 % of the "
    "weights move; leave model.dtype at auto"
)
"""Said when weights in 16 bits are trained."""


def model_path(name: str) -> str:
    """A local directory for `package:` names, directories and GGUF files; otherwise the name itself, for the Hub.

    Raises `UserError` if a local directory does not exist or contains no model, or if a GGUF file cannot be read.
    """
    if is_gguf(name):
        return str(dequantised(Path(name).expanduser()))
    if name.startswith("package:"):
        module, _, path = name.removeprefix("package:").partition("/")
        try:
            directory = Path(str(resources.files(module).joinpath(path)))
        except (ImportError, TypeError, ValueError) as error:
            raise UserError(f"{name!r} is not a folder in an installed package ({error})") from error
    else:
        directory = Path(name).expanduser()
        # OWNER/NAME is a model on the Hub unless a directory of that name exists.
        if not directory.exists() and not name.startswith((".", "/", "~")) and name.count(os.sep) <= 1:
            return name
    if not directory.is_dir():
        raise UserError(f"there is no model directory {str(directory)!r}")
    if not (directory / "config.json").is_file():
        raise UserError(f"{str(directory)!r} does not contain a model: config.json is missing")
    return str(directory)


def require_model(name: str) -> None:
    """Raise `UserError` for a model that is neither here, nor in the Hub's cache, if the Hub cannot be asked for it."""
    from huggingface_hub import try_to_load_from_cache

    if Path(path := model_path(name)).is_dir() or hub_is_reachable():
        return
    weights = ("model.safetensors", "model.safetensors.index.json")
    if not any(isinstance(try_to_load_from_cache(path, file), str) for file in weights):
        raise UserError(
            f"there is no model {name!r}: it is not a directory, not in the Hub's cache, and the Hugging Face Hub cannot be "
            f"reached; give the directory of a model, or download it first where there is a network"
        )


def device(config: ModelConfig) -> str:
    """The policy's torch device: as configured, else the GPU if one is available, else the CPU."""
    import torch

    if config.device != "auto":
        return in_this_process(config.device)
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The model's own tokenizer, padding on the left. Raises `UserError` if it cannot be loaded or has no chat template."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise UserError(f"no tokenizer could be loaded from {path!r}: {_first_line(error)}") from error
    if tokenizer.chat_template is None:
        raise UserError(f"the tokenizer of {path!r} has no chat template; use an instruct model")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    return tokenizer


def switch_thinking(tokenizer: PreTrainedTokenizerBase, thinking: bool | None) -> PreTrainedTokenizerBase:
    """Fix `enable_thinking` in the tokenizer's chat template, so that TRL's trainers follow it too. None: no change.

    Raises `UserError` for a chat template that has no such switch.
    """
    if thinking is None:
        return tokenizer
    template = _SWITCHED.sub("", str(tokenizer.chat_template))
    if "enable_thinking" not in template:
        raise UserError(
            "model.thinking is set, but this model's chat template has no enable_thinking; leave it unset, or use a model "
            "whose thinking can be switched, such as Qwen/Qwen3-4B"
        )
    tokenizer.chat_template = f"{{%- set enable_thinking = {str(thinking).lower()} %}}{template}"
    return tokenizer


_SWITCHED = re.compile(r"^\{%- set enable_thinking = (?:true|false) %\}")
"""The prefix that `switch_thinking` has added to the template of a policy trained with it."""


def load_model(path: str, config: ModelConfig, dtype: str | None = None) -> PreTrainedModel:
    """The model on the run's device, in `dtype`, or else in float32 or what is configured. Raises `UserError` if it cannot be
    loaded."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    narrow = (dtype or config.dtype) == "bfloat16"
    try:
        with memory_for(f"loading {path!r}", LOADING):
            model: Any = AutoModelForCausalLM.from_pretrained(
                path,
                dtype=torch.bfloat16 if narrow else torch.float32,
                attn_implementation=None if config.attention == "auto" else config.attention,
            )
            placed: PreTrainedModel = model.to(device(config))
            return placed
    except (ImportError, OSError, ValueError, SafetensorError) as error:
        raise UserError(f"no model could be loaded from {path!r}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
