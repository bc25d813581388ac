"""A decode loop for plain causal language models, which draws what `transformers.generate` draws in half of its time.

`generate` continues finished rows until the last one ends, copies its whole cache to append a token, and reads a prompt again
for each of its samples. Here finished rows are dropped, the cache is written in place, and prompts are read once.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from transformers import GenerationMixin

from sdzero_bench.policies.engines.growing_cache import growing_cache

LIVE = 0.9
"""Finished rows are dropped once at most this share is live; dropping them one by one would cost more than it saves."""

FEWEST = 16
"""Matrix products with fewer rows may take other kernels on CPUs, which round differently: the rows would not be those of the
whole batch to the last bit. So many rows are kept, finished or not."""

OWN_METHODS = ("generate", "prepare_inputs_for_generation", "_prefill", "_sample", "_update_model_kwargs_for_generation")
"""What a model that generates in a way of its own overrides."""

INPUTS = {"input_ids", "attention_mask", "position_ids", "past_key_values", "use_cache", "logits_to_keep"}

WITHOUT_EFFECT = {"bos_token_id", "eos_token_id", "pad_token_id", "do_sample", "temperature", "top_k", "top_p", "min_p"} | {
    "max_length", "max_new_tokens", "use_cache", "repetition_penalty", "transformers_version", "_from_model_config"
}  # fmt: skip
"""Fields of a generation config that do not affect a sample, since the engine sets its own."""


class Chooser(Protocol):
    """Chooses the next tokens."""

    def __call__(self, logits: torch.Tensor, step: int, rows: torch.Tensor) -> torch.Tensor:
        """The next token ids, [len(rows)], at this step, from 0.

        logits:
            Float32, [len(rows), vocabulary].
        rows:
            The places of these rows in the batch.
        """
        ...


def supports(model: Any) -> bool:
    """Whether `decode` draws what `model.generate` draws: the model generates by no method or setting of its own."""
    inputs = set(inspect.signature(model.forward).parameters)
    settings = {name for name, value in model.generation_config.to_diff_dict().items() if value not in (None, False)}
    return (
        not model.config.is_encoder_decoder
        and growing_cache(model.config) is not None
        and inputs >= INPUTS
        and "cache_position" not in inputs
        and "generate" not in vars(model)
        and all(getattr(type(model), name, None) is getattr(GenerationMixin, name) for name in OWN_METHODS)
        and settings <= WITHOUT_EFFECT
    )


@torch.no_grad()
def decode(
    model: Any, prompts: Sequence[tuple[int, ...]], choose: Chooser, ends: set[int], max_new_tokens: int, pad: int
) -> list[list[int]]:
    """Token ids per prompt: those up to the first of `ends`, then any; `max_new_tokens` at most.

    Raises no errors of its own. `supports(model)` has to hold.
    """
    device = model.device
    distinct = {prompt: place for place, prompt in enumerate(dict.fromkeys(prompts))}
    if len(distinct) < FEWEST:
        ids, mask = padded(prompts, pad, device)
        places = torch.arange(len(prompts), device=device)
    else:
        ids, mask = padded(list(distinct), pad, device)
        places = torch.tensor([distinct[prompt] for prompt in prompts], device=device)
    cache = growing_cache(model.config)
    assert cache is not None
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    logits = next_logits(model, ids, mask, positions, cache)[places]
    cache.batch_select_indices(places)
    mask, positions = mask[places], positions[places, -1:]

    ending = torch.tensor(sorted(ends), device=device)
    rows = torch.arange(len(prompts), device=device)
    live = torch.ones_like(rows, dtype=torch.bool)
    drawn = torch.full((len(prompts), max_new_tokens), ending[0].item(), device=device)
    for step in range(max_new_tokens):
        chosen = choose(logits.float(), step, rows)
        drawn[rows, step] = chosen
        live &= ~torch.isin(chosen, ending)
        count = int(live.sum())
        if count == 0 or step + 1 == max_new_tokens:
            break
        if max(count, FEWEST) <= LIVE * len(rows):
            kept = _kept(live, max(count, FEWEST))
            cache.batch_select_indices(kept)
            rows, live, mask, positions, chosen = (of[kept] for of in (rows, live, mask, positions, chosen))
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions + 1
        logits = next_logits(model, chosen[:, None], mask, positions, cache)
    return drawn[:, : step + 1].tolist()


def padded(prompts: Sequence[tuple[int, ...]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, [rows, longest prompt], padded on the left."""
    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    return ids, mask


def next_logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
    """Logits of the token after the last of `ids`, [rows, vocabulary]."""
    output = model(
        input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
    )
    logits: torch.Tensor = output.logits[:, -1].to(ids.device)
    return logits


def _kept(live: torch.Tensor, count: int) -> torch.Tensor:
    """`count` rows, the live ones among them. Rows beyond `count` take the places of dropped ones, and the others stay."""
    chosen = torch.argsort((~live).int(), stable=True)[:count]
    kept = torch.arange(count, device=live.device)
    kept[~torch.isin(kept, chosen)] = chosen[chosen >= count]
    return kept
