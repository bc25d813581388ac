"""Sampling from a model in memory, with random numbers per sample instead of per batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.errors import DivergedError
from sdzero_bench.policies.engines.decode_loop import decode, padded, supports

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class TokenSampler:
    """Chooses the token of row i at step t by inverting the cumulative distribution at uniforms[i, t]; greedy without them.

    `generate` itself draws from one generator for the whole batch, so a sample would depend on the others in its batch, and a
    resumed run could not reproduce it. Here each row has its own random numbers, from `Request.seed`.
    """

    def __init__(self, parameters: SamplingParameters, uniforms: torch.Tensor) -> None:
        self.uniforms = uniforms  # [batch, max_new_tokens], float64 in [0, 1)
        self.greedy = parameters.temperature == 0
        self.strange = torch.zeros((), dtype=torch.bool, device=uniforms.device)
        """Whether any distribution so far was none, as with weights that are not finite. Read once, after the last step."""
        self.warpers: list[Any] = []
        if not self.greedy:
            self.warpers.append(TemperatureLogitsWarper(parameters.temperature))
            if parameters.top_p < 1:
                self.warpers.append(TopPLogitsWarper(parameters.top_p))

    def __call__(self, logits: torch.Tensor, step: int, rows: torch.Tensor) -> torch.Tensor:
        if self.greedy:
            self.strange |= logits.isnan().any()
            return logits.argmax(dim=-1)
        scores = logits
        for warper in self.warpers:
            scores = warper(None, scores)  # none reads the tokens so far
        cumulative = scores.softmax(dim=-1, dtype=torch.float64).cumsum(dim=-1)
        self.strange |= cumulative[:, -1].isnan().any()
        target = self.uniforms[rows, step, None] * cumulative[:, -1:]
        # right=True skips tokens of probability 0, which a target of exactly 0 would otherwise hit.
        chosen: torch.Tensor = torch.searchsorted(cumulative, target, right=True).clamp(max=scores.shape[-1] - 1)
        return chosen[:, 0]


class SamplerInGenerate(LogitsProcessor):
    """Has the greedy `generate` take the tokens that a `TokenSampler` chooses."""

    def __init__(self, choose: TokenSampler, prompt_length: int) -> None:
        self.choose = choose
        self.prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        rows = torch.arange(len(scores), device=scores.device)
        chosen = self.choose(scores, input_ids.shape[1] - self.prompt_length, rows)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Token ids that end a turn: the tokenizer's, and those of the model's generation config."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    listed = [] if ends is None else ends if isinstance(ends, list) else [ends]
    return {int(i) for i in [tokenizer.eos_token_id, *listed] if i is not None}


class TransformersEngine:
    """Samples from a model in memory, with its weights at the time of the call.

    Through our own decode loop, or through `transformers.generate`, slower, for models that generate in a way of their own.
    """

    name = "transformers"

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch_size: int = 128) -> None:
        self.model: Any = model  # `generate` comes from a mixin that is not part of the type
        # Adapters are inside a model of their own.
        self.plain: Any = getattr(model, "get_base_model", lambda: model)()
        self.version = transformers.__version__ + ("+decode-loop" if supports(self.plain) else "")
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.ends = end_tokens(model, tokenizer)
        self.pad = int(tokenizer.pad_token_id) if tokenizer.pad_token_id is not None else min(self.ends)

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """Raises `DivergedError` for a policy whose probabilities are not numbers."""
        if not requests:
            return []
        uniforms = np.stack([np.random.Generator(np.random.Philox(r.seed)).random(parameters.max_new_tokens) for r in requests])
        choose = TokenSampler(parameters, torch.from_numpy(uniforms).to(self.model.device))
        prompts = [r.prompt_ids for r in requests]
        was_training = self.model.training
        self.model.eval()
        try:
            if supports(self.plain):
                drawn = decode(self.plain, prompts, choose, self.ends, parameters.max_new_tokens, self.pad)
            else:
                drawn = self._by_generate(prompts, choose, parameters.max_new_tokens)
        finally:
            self.model.train(was_training)
        if choose.strange:
            raise DivergedError(
                "the policy gives probabilities that are not numbers, so nothing can be drawn from it: its weights, or what "
                "they compute in this data type, are not finite; use another model or engine.dtype, or train it with a lower "
                "optimizer.learning_rate"
            )
        return [self._completion(row) for row in drawn]

    @torch.no_grad()
    def _by_generate(self, prompts: Sequence[tuple[int, ...]], choose: TokenSampler, max_new_tokens: int) -> list[list[int]]:
        """Token ids per prompt, past the end of its turn up to that of the longest."""
        ids, mask = padded(prompts, self.pad, self.model.device)
        output = self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            logits_processor=LogitsProcessorList([SamplerInGenerate(choose, ids.shape[1])]),
            # Every field that affects sampling is set, so that the model's own generation config does not.
            generation_config=GenerationConfig(
                do_sample=False,
                num_beams=1,
                max_new_tokens=max_new_tokens,
                eos_token_id=sorted(self.ends),
                pad_token_id=self.pad,
                repetition_penalty=1.0,
                use_cache=True,
            ),
        )
        drawn: list[list[int]] = output[:, ids.shape[1] :].tolist()
        return drawn

    def _completion(self, ids: list[int]) -> Completion:
        for position, token in enumerate(ids):
            if token in self.ends:
                return Completion(tuple(ids[: position + 1]), "stop")
        return Completion(tuple(ids), "length")
