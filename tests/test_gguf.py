"""GGUF files: the same weights, tokenizer and chat template as of the model that they were written from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import ModelConfig
from sdzero_bench.policies.gguf import quantisation
from sdzero_bench.policies.loading import load_model, load_tokenizer, model_path

LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


@pytest.fixture
def small(tokenizer: Any) -> Any:
    """Random weights of another architecture than the embedded model's, with its tokenizer."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
    )
    return Qwen2ForCausalLM(config).eval()


def written(file: Path, model: Any, micro_path: str, kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32) -> Path:
    """As llama.cpp's converter writes a Qwen2."""
    config, vocabulary = model.config, json.loads(Path(micro_path, "tokenizer.json").read_text())["model"]
    writer = gguf.GGUFWriter(file, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    tokenizer: Any = load_tokenizer(micro_path)
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    special = set(tokenizer.added_tokens_decoder)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if i in special else 1 for i in range(len(tokens))])
    writer.add_token_merges([" ".join(merge) for merge in vocabulary["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)
    state = model.state_dict()

    def add(name: str, tensor: torch.Tensor) -> None:
        values = tensor.float().numpy()
        if values.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", state["model.embed_tokens.weight"])
    add("output_norm.weight", state["model.norm.weight"])
    for i in range(config.num_hidden_layers):
        for theirs, ours in LAYER.items():
            add(f"blk.{i}.{theirs}.weight", state[f"model.layers.{i}.{ours}.weight"])
            if theirs in ("attn_q", "attn_k", "attn_v"):
                add(f"blk.{i}.{theirs}.bias", state[f"model.layers.{i}.{ours}.bias"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_gguf_file_is_the_model_that_it_was_written_from(
    tmp_path: Path, cache: Path, small: Any, tokenizer: Any, micro_path: str
) -> None:
    file = written(tmp_path / "small.gguf", small, micro_path)
    path = model_path(str(file))
    loaded, theirs = load_model(path, ModelConfig(name=str(file))), load_tokenizer(path)
    chat = [{"role": "user", "content": "1 + 2 - 30 = naïve × ½"}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    assert theirs.apply_chat_template(chat, add_generation_prompt=True, return_dict=False) == ids
    assert theirs.eos_token_id == tokenizer.eos_token_id
    with torch.no_grad():
        torch.testing.assert_close(loaded(torch.tensor([ids])).logits, small(torch.tensor([ids])).logits)
    assert quantisation(file) == "F32"


def test_quantised_weights_are_near_and_said_to_be_quantised(tmp_path: Path, cache: Path, small: Any, micro_path: str) -> None:
    file = written(tmp_path / "small.gguf", small, micro_path, gguf.GGMLQuantizationType.Q8_0)
    loaded = load_model(model_path(str(file)), ModelConfig(name=str(file)))
    ours, theirs = (m.state_dict()["model.layers.0.mlp.up_proj.weight"] for m in (small, loaded))
    assert 0 < (ours - theirs).abs().max() < 0.01 * ours.abs().max()
    assert quantisation(file) == "Q8_0"


def test_a_file_is_converted_once_and_again_where_it_changed(tmp_path: Path, cache: Path, small: Any, micro_path: str) -> None:
    file = written(tmp_path / "small.gguf", small, micro_path)
    first = model_path(str(file))
    made = Path(first, "model.safetensors").stat().st_mtime_ns
    assert model_path(str(file)) == first
    assert Path(first, "model.safetensors").stat().st_mtime_ns == made
    with torch.no_grad():
        small.model.norm.weight.add_(1.0)
    written(file, small, micro_path)
    assert model_path(str(file)) != first


def test_what_cannot_be_read_is_said(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="there is no file"):
        model_path(str(tmp_path / "none.gguf"))
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(UserError, match="transformers cannot read"):
        model_path(str(tmp_path / "text.gguf"))
    assert not list(cache.rglob("*safetensors"))
    monkeypatch.setattr("sdzero_bench.policies.gguf.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'sdzero-bench\[gguf\]'"):
        model_path(str(tmp_path / "text.gguf"))
