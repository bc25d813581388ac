"""A model of a few thousand parameters, and attempts without a run, for tests of the trainers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Sample
from sdzero_bench.training.on_policy import Attempt


def tiny_model(tokenizer: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
        initializer_range=0.3,  # far from uniform, so that the divergence is not near zero
    )
    return Qwen3ForCausalLM(config)


def prompt_ids(tokenizer: Any, text: str) -> list[int]:
    chat = [{"role": "user", "content": text}]
    return tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)


def attempt(question: str, token_ids: Sequence[int], reward: float | None = 1.0) -> Attempt:
    verdict = Verdict(reward) if reward is not None else Verdict.failed("timeout", "slow")
    sample = Sample("p", question, "0", 0, "base", "0", 5, tuple(token_ids), "t", "stop", verdict, "stub")
    return Attempt(Question(question, question, "1"), sample)
