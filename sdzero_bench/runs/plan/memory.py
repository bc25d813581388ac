"""What one accelerator must hold in memory at the same time."""

from __future__ import annotations

from collections.abc import Iterable

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import Architecture
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.training.cost import Passes, Typical

CHUNK = 1024
"""Token positions projected to the vocabulary at a time (training/divergence.py and TRL's kernels)."""


def memory(
    config: RunConfig,
    shape: Architecture,
    machine: Machine,
    typical: Typical,
    passes: Iterable[Passes],
    holds_teacher: bool,
) -> dict[str, float]:
    """Bytes by part. Sampling and training alternate: of caches and activations, the larger counts.

    Activations after Korthikanti et al. 2022 (arXiv 2205.05198): 34 bytes a token, layer and hidden number in 16 bits without
    the attention matrix, twice that in 32 bits; with gradient checkpointing 2 of them for each layer and 34 for one.
    """
    wide = 2 if config.model.dtype == "bfloat16" else 4
    weights = float(wide * shape.parameters)
    parts = {"policy": weights}
    passes = list(passes)
    activations = 0.0
    if passes:
        trained = float(wide * shape.trained)
        parts |= {"gradients": trained, "optimiser": 2 * trained}
        tokens = max(typical.prompt + p.completions * config.sampling.max_new_tokens for p in passes)
        tokens *= min(config.optimizer.micro_batch_size, config.optimizer.batch_size)
        a_layer = 34.0 * tokens * shape.hidden * (wide / 2 if machine.computes_in_weights else 1)
        kept = a_layer * 2 / 34
        layers = shape.layers * kept + a_layer if config.optimizer.gradient_checkpointing else shape.layers * a_layer
        # The student's logits and the teacher's, their log-probabilities, and a gradient, in 32 bits.
        logits = 4.0 * 4.0 * min(tokens, CHUNK) * shape.vocabulary
        activations = layers + logits
    if holds_teacher:
        parts["teacher"] = weights
    if config.engine.name == "vllm":
        parts["vLLM, with its cache"] = config.engine.gpu_memory * machine.memory_gb * 1e9
        cache = 0.0
    else:
        tokens = config.sampling.batch_size * (typical.prompt + config.sampling.max_new_tokens)
        cache = float(wide * shape.layers * shape.key_value * tokens)
    larger = "activations" if activations >= cache else "cache while sampling"
    return {**parts, larger: max(activations, cache)}
