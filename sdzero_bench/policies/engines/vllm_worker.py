"""How a vLLM worker takes over the weights of a policy: in the run's process, or on request over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch


def take_over(worker: Any, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Load weights, named as in transformers, into vLLM's `worker`. The caller resets the prefix cache."""
    worker.reload_weights(weights_iterator=iter(weights))
    model = worker.model_runner.get_model()
    if worker.device.type == "cpu" and model.config.tie_word_embeddings:
        # On CPUs, lm_head has a packed copy of its weights, which reloading does not update.
        from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

        dispatch_cpu_unquantized_gemm(model.lm_head, remove_weight=False)


class PolicyWorker:
    """Mixed into a server's workers (`--worker-extension-cls`); a run calls these methods through `/collective_rpc`."""

    policy = ""
    """The name of the current weights, chosen by the run that loaded them. Detects that another run has replaced them."""

    def load_policy(self, folder: str, name: str) -> None:
        """Load the safetensors files in `folder`."""
        self.policy = ""  # if the update fails half-way, no policy is held
        take_over(self, _saved(Path(folder)))
        self.policy = name

    def held_policy(self) -> dict[str, str]:
        """The name of the current weights, the data type that the worker computes in, and how many sequences it batches."""
        worker: Any = self
        return {
            "policy": self.policy,
            "dtype": str(worker.model_runner.dtype).removeprefix("torch."),
            "sequences": str(worker.vllm_config.scheduler_config.max_num_seqs),
        }


def _saved(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  (not a mapping)
                yield name, weights.get_tensor(name)
