"""What one device holds at the peak of a phase."""

from __future__ import annotations

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import Architecture
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.training.cost import Passes, Typical, TypicalSample

CHUNK = 1024
"""Token positions projected to the vocabulary at a time (training/divergence.py and TRL's kernels)."""

MOMENT_BYTES = {"adamw_8bit": 2}
"""Bytes per trained parameter of an optimizer's two moments, where they do not have the weights' dtype."""

VLLM = "vLLM, with its cache"

Parts = dict[str, float]
"""Bytes by part."""


class Memory:
    """Bytes on one device, by part, for the settings of one run."""

    def __init__(
        self, config: RunConfig, shape: Architecture, machine: Machine, typical: Typical, *, worst: bool, trains: bool
    ) -> None:
        self.config, self.shape, self.machine, self.typical = config, shape, machine, typical
        self.trains = trains
        """Whether any phase of the run trains, so that its process loads a trainer."""
        self.worst = worst
        """Whether all responses of a batch are as long as they may be, not as the longest of a batch is on average."""
        self.wide = 2 if config.model.dtype == "bfloat16" else 4
        """Bytes of a weight of the policy."""
        self.computed = self.wide if machine.computes_in_weights else 2
        """Bytes of an activation, and of a weight of a frozen model."""
        automatic = self.wide if machine.computes_in_weights else 2
        self.engine_bytes = {"auto": automatic, "float32": 4, "bfloat16": 2}[config.engine.dtype]
        """Bytes of a number in the engine."""
        self.shards = machine.count if machine.sharded else 1

    def sampling(self, drawn: TypicalSample, limit: int) -> Parts:
        """While samples of at most `limit` new tokens are drawn from a policy that is not in training."""
        return {**self._always(), "policy": self._weights(self.wide), **self._cache(drawn, limit, self._batch)}

    def training(self, passes: Passes, rollouts: TypicalSample | None) -> Parts:
        """While a policy is trained, and by turns draws `rollouts`: of cache and activations, the larger counts."""
        trained = float(self.wide * self.shape.trained) / self.shards
        optimizer = self.config.optimizer.name
        parts = {
            **self._always(),
            "policy": self._weights(self.wide) / self.shards,
            "gradients": trained,
            "optimizer": float(MOMENT_BYTES.get(optimizer, 2 * self.wide) * self.shape.trained) / self.shards,
        }
        if self.machine.count > 1 and self.shards == 1:
            parts["gradients in buckets (DDP)"] = trained
        if not self.machine.computes_in_weights and self.wide == 4:
            parts["weights in 16 bits (autocast)"] = self._weights(2) / self.shards
        if passes.teacher_completions:
            parts["teacher"] = self._weights(self.wide if passes.averaged else self.computed) / self.shards
        if passes.references:
            parts["reference policy"] = passes.references * self._weights(self.wide) / self.shards
        asleep = self.config.engine.sleep and parts.pop(VLLM, None) is not None
        working = {"activations": self._activations(passes)}
        if rollouts is not None:
            if self.shards > 1:
                parts["whole copy to sample from"] = self._weights(self.wide)
            batch = min(self._batch, self.config.optimizer.batch_size)
            cache = self._cache(rollouts, self.config.sampling.max_new_tokens, batch)
            cache |= {VLLM: self._share} if asleep else {}
            working = max(working, cache, key=lambda one: sum(one.values()))
        return {**parts, **working}

    def lacking_in_engine(self) -> float:
        """Bytes by which vLLM's share is too small for its weights and one sequence of its longest length."""
        if self.config.engine.name != "vllm":
            return 0.0
        longest = self.config.engine.max_model_len or self.shape.context or 0
        needed = self._weights(self.engine_bytes) + self.engine_bytes * self.shape.cached(longest)
        return max(0.0, needed - self._share)

    @property
    def _share(self) -> float:
        return self.config.engine.gpu_memory * self.machine.memory_gb * 1e9

    @property
    def _batch(self) -> int:
        return self.config.sampling.batch_size

    def _always(self) -> Parts:
        process = self.machine.process_gb + (self.machine.trainer_gb if self.trains else 0.0)
        found = {"process": process * 1e9} if process else {}
        return found | ({VLLM: self._share} if self.config.engine.name == "vllm" else {})

    def _weights(self, width: int) -> float:
        return float(width * self.shape.parameters)

    def _cache(self, drawn: TypicalSample, limit: int, batch: int) -> Parts:
        """Of keys and values, where the run's own process samples with transformers."""
        if self.config.engine.name != "transformers":
            return {}
        tokens = drawn.context + self._longest(drawn.new, limit)
        return {"cache while sampling": self.engine_bytes * batch * self.shape.cached(tokens)}

    def _longest(self, mean: float, limit: float) -> float:
        """Of a batch, in tokens."""
        return limit if self.worst else min(limit, self.typical.spread * mean)

    def _activations(self, passes: Passes) -> float:
        """What the student keeps for its backward pass, with the layer at work and a chunk of logits.

        With gradient checkpointing a layer keeps its input alone, in 32 bits, and one layer at a time all of it.
        """
        optimizer, new = self.config.optimizer, self.config.sampling.max_new_tokens
        sequences = min(optimizer.micro_batch_size, optimizer.batch_size)
        student = self._longest(passes.student, self.typical.prompt + passes.completions * new)
        teacher = self._longest(passes.teacher, self.typical.prompt + passes.teacher_completions * new)
        if optimizer.micro_batch_tokens is not None:
            sequences = max(1, min(sequences, int(optimizer.micro_batch_tokens / max(student, teacher))))
        student, teacher = sequences * student, sequences * teacher
        a_layer = self.computed * self.shape.kept()
        if optimizer.gradient_checkpointing:
            kept = 4.0 * self.shape.hidden * self.shape.layers * student
            at_work = a_layer * max(student, teacher if passes.teacher_completions else 0.0)
        else:
            kept, at_work = a_layer * self.shape.layers * student, 0.0
        # The student's logits and the teacher's, their log-probabilities, and a gradient, in 32 bits.
        logits = 4.0 * 4.0 * min(student, CHUNK) * self.shape.vocabulary
        return kept + at_work + logits
