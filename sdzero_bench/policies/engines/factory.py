"""The engines of a run: one sampler for the whole run, which takes over the weights of each policy to sample from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sdzero_bench.core.completion import Engine
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.engines.sampling_dtype import SamplingDtype, sampling_dtype

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Engines(Protocol):
    """An engine for each policy that a run samples from."""

    def of(self, policy: PreTrainedModel, weights: str) -> Engine:
        """An engine that samples from `policy` with its current weights.

        weights:
            A name for the current weights: the same name means the same weights.
        """
        ...

    def rest(self) -> None:
        """Free what memory can be freed until the next call of `of`: nothing is sampled before it."""
        ...

    def close(self) -> None: ...


class Samples(Protocol):
    """A run, as the package sees it."""

    _engines: Engines


def engines_of(run: Samples) -> Engines:
    """Not for methods, which draw with `Run.sample`: what engines draw is neither journaled nor charged."""
    return run._engines


class TransformersEngines:
    """Samples from the model in memory; nothing is copied."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, batch_size: int, dtype: SamplingDtype) -> None:
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.dtype = dtype

    def of(self, policy: PreTrainedModel, weights: str) -> Engine:
        import torch

        from sdzero_bench.policies.engines.mixed_precision import MixedPrecisionEngine
        from sdzero_bench.policies.engines.transformers_engine import TransformersEngine

        engine = TransformersEngine(policy, self.tokenizer, self.batch_size)
        return engine if policy.dtype == torch.bfloat16 else MixedPrecisionEngine(engine, policy, self.dtype)

    def rest(self) -> None:
        pass

    def close(self) -> None:
        pass


def require_engine(config: RunConfig) -> None:
    """Raises `UserError` if vLLM is needed here and is not installed, or its version is not supported."""
    if config.engine.name == "vllm":
        from sdzero_bench.policies.engines.vllm_setup import installed_version

        installed_version()


def make_engines(config: RunConfig, tokenizer: PreTrainedTokenizerBase, base: str, ranks: Ranks = ALONE) -> Engines:
    """The engines for `engine.name`, for policies with the architecture of the model at `base`.

    Raises `UserError` if vLLM is not installed, its server cannot be reached, or its version is not supported, and as
    `sampling_dtype` does.
    """
    dtype = sampling_dtype(config)
    if config.engine.name == "transformers":
        return TransformersEngines(tokenizer, config.sampling.batch_size, dtype)
    if config.engine.name == "vllm-server":
        from sdzero_bench.policies.engines.server_engine import ServerEngines

        return ServerEngines(config, tokenizer, ranks)
    from sdzero_bench.policies.engines.vllm_engine import VLLMEngines

    return VLLMEngines(config, tokenizer, base, ranks)
