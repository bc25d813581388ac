"""How long a phase takes: sampling, training and verifying, one after the other."""

from __future__ import annotations

import math

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import Architecture
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.training.cost import Passes, Typical, TypicalSample


class Durations:
    """Seconds on one device, for the samples and the settings of one run."""

    def __init__(self, config: RunConfig, shape: Architecture, machine: Machine, typical: Typical) -> None:
        self.config, self.shape, self.machine, self.typical = config, shape, machine, typical

    def sampling(self, samples: int, drawn: TypicalSample, batch: int) -> float:
        """Of samples drawn `batch` at a time: reading their contexts, and writing them.

        A batch takes as many decoding steps as its longest response has tokens.
        """
        machine = self.machine
        read = samples * drawn.context * self.shape.flops(drawn.context, backward=False)
        steps = math.ceil(samples / batch) * drawn.new * self.typical.spread
        written = samples * drawn.new / machine.tokens_per_second + steps * machine.step_seconds
        return read / self._flops_per_second + written

    def training(self, kind: str, passes: Passes, padding: float) -> float:
        """Of all passes of a phase of this kind; sequences are `padding` times as long as without padding."""
        return self.flops(passes, padding) / self.machine.sustained.get(kind, self._flops_per_second)

    def flops(self, passes: Passes, padding: float) -> float:
        recomputed = self.config.optimizer.gradient_checkpointing
        backward = self.shape.flops(passes.student * padding, backward=True, recomputed=recomputed)
        forward = self.shape.flops(passes.teacher * padding, backward=False)
        return padding * (passes.backward * backward + passes.forward * forward)

    def verifying(self, samples: int) -> float:
        return samples * self.typical.verifying

    def padding(self, drawn: TypicalSample) -> float:
        """How much longer rollouts are where they are padded to the longest of their micro-batch.

        Micro-batches are of similar lengths: the fewer of a batch's rollouts one has, the less they differ.
        """
        optimizer = self.config.optimizer
        share = (min(optimizer.micro_batch_size, optimizer.batch_size) - 1) / max(1, optimizer.batch_size - 1)
        longest = drawn.new + share * (self.longest(drawn) - drawn.new)
        return (drawn.context + longest) / (drawn.context + drawn.new)

    def longest(self, drawn: TypicalSample) -> float:
        """Tokens of the longest response of a batch."""
        return min(self.typical.spread * drawn.new, max(drawn.new, self.config.sampling.max_new_tokens))

    @property
    def _flops_per_second(self) -> float:
        return self.machine.tflops * 1e12 * self.machine.utilisation
