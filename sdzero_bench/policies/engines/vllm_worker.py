"""How a vLLM worker takes over the weights of a policy: in this process, or told to by a run over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch


def take_over(worker: Any, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Gives vLLM's `worker` these weights, named as in transformers. The caller resets the prefix cache."""
    worker.reload_weights(weights_iterator=iter(weights))
    model = worker.model_runner.get_model()
    if worker.device.type == "cpu" and model.config.tie_word_embeddings:
        # On CPUs lm_head has a packed copy of its weights, which reloading leaves as it was.
        from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

        dispatch_cpu_unquantized_gemm(model.lm_head, remove_weight=False)


class PolicyWorker:
    """Mixed into the workers of a server (`--worker-extension-cls`); a run calls these through `/collective_rpc`."""

    policy = ""
    """What the run that set the weights calls them: another run's would be another policy's samples."""

    def load_policy(self, folder: str, name: str) -> None:
        self.policy = ""  # if the update fails half-way, nobody's weights are held
        take_over(self, _saved(Path(folder)))
        self.policy = name

    def held_policy(self) -> dict[str, str]:
        worker: Any = self
        return {"policy": self.policy, "dtype": str(worker.model_runner.dtype).removeprefix("torch.")}


def _saved(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118  (it is no mapping)
                yield name, weights.get_tensor(name)
