"""Sampling through `transformers.generate`, with random numbers per sample instead of per batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from sdzero_bench.core.completion import Completion, Request, SamplingParameters

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class InverseTransformSampler(LogitsProcessor):
    """Chooses the token of row i at step t by inverting the cumulative distribution at uniforms[i, t].

    `generate` itself draws from one generator for the whole batch, so a sample would depend on the others in its batch, and a
    resumed run could not reproduce it. Here each row has its own random numbers, from `Request.seed`.
    """

    def __init__(self, uniforms: torch.Tensor, prompt_length: int) -> None:
        self.uniforms = uniforms  # [batch, max_new_tokens], float64 in [0, 1)
        self.prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = input_ids.shape[1] - self.prompt_length
        cumulative = scores.softmax(dim=-1, dtype=torch.float64).cumsum(dim=-1)
        target = self.uniforms[:, step : step + 1] * cumulative[:, -1:]
        # right=True skips tokens of probability 0, which a target of exactly 0 would otherwise hit.
        chosen = torch.searchsorted(cumulative, target, right=True).clamp(max=scores.shape[-1] - 1)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Token ids that end a turn: the tokenizer's, and those of the model's generation config."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    listed = [] if ends is None else ends if isinstance(ends, list) else [ends]
    return {int(i) for i in [tokenizer.eos_token_id, *listed] if i is not None}


class TransformersEngine:
    """Samples from a model in memory, with its weights at the time of the call."""

    name = "transformers"
    version = transformers.__version__

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch_size: int = 128) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.ends = end_tokens(model, tokenizer)

    @torch.no_grad()
    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        if not requests:
            return []
        device = self.model.device
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else min(self.ends)
        width = max(len(r.prompt_ids) for r in requests)
        input_ids = torch.full((len(requests), width), pad)
        mask = torch.zeros_like(input_ids)
        for row, request in enumerate(requests):
            input_ids[row, width - len(request.prompt_ids) :] = torch.tensor(request.prompt_ids)
            mask[row, width - len(request.prompt_ids) :] = 1
        uniforms = np.stack([np.random.Generator(np.random.Philox(r.seed)).random(parameters.max_new_tokens) for r in requests])
        processors = LogitsProcessorList()
        if parameters.temperature > 0:  # else greedy, which is what `do_sample=False` does
            processors.append(TemperatureLogitsWarper(parameters.temperature))
            if parameters.top_p < 1:
                processors.append(TopPLogitsWarper(parameters.top_p))
            processors.append(InverseTransformSampler(torch.from_numpy(uniforms).to(device), width))
        model: Any = self.model  # `generate` comes from a mixin that is not part of the type
        was_training = model.training
        model.eval()
        try:
            output = model.generate(
                input_ids=input_ids.to(device),
                attention_mask=mask.to(device),
                logits_processor=processors,
                # Every field that affects sampling is set, so that the model's own generation config does not.
                generation_config=GenerationConfig(
                    do_sample=False,
                    num_beams=1,
                    max_new_tokens=parameters.max_new_tokens,
                    eos_token_id=sorted(self.ends),
                    pad_token_id=pad,
                    repetition_penalty=1.0,
                    use_cache=True,
                ),
            )
        finally:
            model.train(was_training)
        return [self._completion(row) for row in output[:, width:].tolist()]

    def _completion(self, ids: list[int]) -> Completion:
        for position, token in enumerate(ids):
            if token in self.ends:
                return Completion(tuple(ids[: position + 1]), "stop")
        return Completion(tuple(ids), "length")
