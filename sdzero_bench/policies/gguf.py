"""Policies from GGUF files: dequantised once into a directory that everything else reads as any other model's."""

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
    """The directory with the file's tokenizer, chat template and weights, the latter in float32; made where it is not there.

    It is kept in $XDG_CACHE_HOME, by default ~/.cache, under the file's content. What quantising has rounded stays rounded: the
    policy is not the one that the file was made from, and its figures are its own.

    Raises `UserError` if the file is not there, the package gguf is not, or transformers cannot read it.
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
    """Of the content, in 16 hex digits. A process asks several times, and the file may have gigabytes."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:16]


def _require(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"there is no file {str(file)!r}")
    if find_spec("gguf") is None:
        raise UserError(f"{str(file)!r} is read by the package gguf, which is not installed: pip install 'sdzero-bench[gguf]'")


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    where: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(**where)
        # transformers knows those of some architectures; a chat template is of no use where its marks are read as text.
        tokenizer.add_special_tokens({"additional_special_tokens": _control_tokens(file)}, replace_extra_special_tokens=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            **where, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
        )
        # The weights are plain now, and are to be saved as such.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        # Weights that do not fit the settings which transformers took from the file are found only when they are read again.
        AutoModelForCausalLM.from_pretrained(folder)
    except (RuntimeError, ValueError, KeyError, ImportError) as error:
        raise UserError(f"transformers cannot read {str(file)!r}: {' '.join(str(error).split())[:300]}") from error


def _control_tokens(file: Path) -> list[str]:
    """Marks that are one token whatever stands around them, such as those of a chat template."""
    from gguf import GGUFReader, TokenType

    fields = GGUFReader(file).fields
    tokens, types = (fields.get(f"tokenizer.ggml.{name}") for name in ("tokens", "token_type"))
    if tokens is None or types is None:
        return []
    return [token for token, kind in zip(tokens.contents(), types.contents(), strict=True) if kind == TokenType.CONTROL]


def quantisation(file: Path) -> str:
    """The type that most of the file's weights have, such as `Q4_1`. Raises `UserError` as `dequantised` does."""
    _require(file)
    from gguf import GGUFReader

    sizes: Counter[str] = Counter()
    for tensor in GGUFReader(file).tensors:
        sizes[tensor.tensor_type.name] += int(tensor.n_elements)
    return sizes.most_common(1)[0][0]
