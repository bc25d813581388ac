"""Policies from GGUF files: dequantised once into a model directory, which everything else loads like any other."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError


def is_gguf(name: str) -> bool:
    return name.endswith(".gguf")


def dequantised(file: Path) -> Path:
    """A model directory with the file's tokenizer, chat template and weights in float32; created on first use.

    It is cached in $XDG_CACHE_HOME, by default ~/.cache, by the file's content. Rounding by quantisation is not undone: figures
    for this policy are not those of the model that was quantised.

    Raises `UserError` if the file does not exist, the package gguf is not installed, or transformers cannot read the file.
    """
    _require(file)
    digest = _digest(file, file.stat().st_mtime_ns)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sdzero-bench" / "gguf"
    folder = cache / f"{file.stem}-{digest}"
    if not (folder / "config.json").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = cache / f".{folder.name}.{os.getpid()}"
        try:
            _convert(file, unfinished)
            unfinished.rename(folder)
        except OSError:
            if not (folder / "config.json").is_file():  # else another process was first
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


@lru_cache
def _digest(file: Path, changed: int) -> str:
    """SHA-256 of the content, as 16 hex digits. Cached, since the file may have gigabytes and is asked for repeatedly."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _require(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"there is no file {str(file)!r}")
    if find_spec("gguf") is None:
        raise UserError(f"{str(file)!r} needs the package gguf, which is not installed: pip install 'sdzero-bench[gguf]'")


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**where)
        # transformers adds them for some architectures only; without them, the markers of a chat template would be plain text.
        tokenizer.add_special_tokens({"additional_special_tokens": _control_tokens(file)}, replace_extra_special_tokens=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            **where, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
        )
        # The weights are dequantised, and have to be saved as such.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        # A mismatch between the weights and the configuration that transformers derived shows only when they are loaded again.
        AutoModelForCausalLM.from_pretrained(folder)
    except (RuntimeError, ValueError, KeyError, ImportError) as error:
        raise UserError(f"transformers cannot read {str(file)!r}: {' '.join(str(error).split())[:300]}") from error


def _control_tokens(file: Path) -> list[str]:
    """Control tokens, such as the markers of a chat template: never split, whatever surrounds them."""
    from gguf import GGUFReader, TokenType

    fields = GGUFReader(file).fields
    tokens, types = (fields.get(f"tokenizer.ggml.{name}") for name in ("tokens", "token_type"))
    if tokens is None or types is None:
        return []
    return [token for token, kind in zip(tokens.contents(), types.contents(), strict=True) if kind == TokenType.CONTROL]


def quantisation(file: Path) -> str:
    """The type of most of the file's weights, such as `Q4_1`. Raises `UserError` like `dequantised`."""
    _require(file)
    from gguf import GGUFReader

    sizes: Counter[str] = Counter()
    for tensor in GGUFReader(file).tensors:
        sizes[tensor.tensor_type.name] += int(tensor.n_elements)
    return sizes.most_common(1)[0][0]
