"""Which engine draws the samples of a run: one for the whole run, that follows whichever policy is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sdzero_bench.core.completion import Engine
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.settings import RunConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Engines(Protocol):
    """An engine for each policy that a run samples from."""

    def of(self, policy: PreTrainedModel, weights: str) -> Engine:
        """An engine that samples from `policy` as it is now.

        weights:
            Names what the policy's weights are: the same name, the same weights.
        """
        ...

    def close(self) -> None: ...


class TransformersEngines:
    """Samples from the very model in memory."""

    def __init__(self, tokenizer: Any, batch_size: int) -> None:
        self.tokenizer = tokenizer
        self.batch_size = batch_size

    def of(self, policy: PreTrainedModel, weights: str) -> Engine:
        from sdzero_bench.policies.engines.transformers_engine import TransformersEngine

        return TransformersEngine(policy, self.tokenizer, self.batch_size)

    def close(self) -> None:
        pass


def make_engines(config: RunConfig, tokenizer: Any, base: str, ranks: Ranks = ALONE) -> Engines:
    """The engine that `engine.name` names, for policies of the architecture of the model at `base`.

    Raises `UserError` where it is not installed or not reached, of another version, or cannot hold the model.
    """
    if config.engine.name == "transformers":
        return TransformersEngines(tokenizer, config.sampling.batch_size)
    if config.engine.name == "vllm-server":
        from sdzero_bench.policies.engines.server_engine import ServerEngines

        return ServerEngines(config, tokenizer, ranks)
    from sdzero_bench.policies.engines.vllm_engine import VLLMEngines

    return VLLMEngines(config, tokenizer, base)
