"""From settings to samples, tokens, hours, memory and disk."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import Architecture, architecture
from sdzero_bench.policies.engines.length_limit import configured_limit
from sdzero_bench.records.ledger import measures
from sdzero_bench.runs.config import make_method
from sdzero_bench.runs.length_checks import AssumedLengths, needs_of_evaluation, needs_of_training, require_fitting
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.runs.plan.memory import memory
from sdzero_bench.training.cost import Passes, Typical

JOURNAL_BYTES = 12.0
"""Bytes that a sampled token takes in the journal: its id in digits, and its text."""


@dataclass(frozen=True)
class PlannedPhase:
    """What one phase is expected to use; names and counts are those of the ledger."""

    name: str
    samples: int
    generated: float
    backward: float
    forward: float
    hours: float
    """Wall time with all accelerators in use, without verification and loading."""


@dataclass(frozen=True)
class Plan:
    architecture: Architecture
    machine: Machine
    questions: int
    test_questions: int
    allowed: int
    """Training samples that the budget allows."""
    phases: tuple[PlannedPhase, ...]
    memory: dict[str, float]
    """Bytes on one accelerator, by part; nothing is sharded."""
    disk: float
    """Bytes."""

    @property
    def samples(self) -> int:
        """Samples that are charged to the budget."""
        return sum(p.samples for p in self.phases if not measures(p.name))

    @property
    def hours(self) -> float:
        return sum(p.hours for p in self.phases)

    @property
    def peak(self) -> float:
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        return self.peak <= self.machine.memory_gb * 1e9


def estimate(config: RunConfig, typical: Typical, machine: Machine, questions: int, test_questions: int) -> Plan:
    """The plan of a run on `questions` training questions and `test_questions` test questions.

    Raises `UserError` for a method that does not declare what it trains on, or samples longer than the model's context.
    """
    method, shape = make_method(config), architecture(config.model.name, config.lora)
    lengths = AssumedLengths(typical, config.sampling.max_new_tokens)
    needs = [*needs_of_training(method, questions, lengths), *needs_of_evaluation(config, method, lengths)]
    require_fitting(needs, shape.context, configured_limit(config))
    declared, passes = method.phases(questions), method.expected(questions, typical)
    phases = [
        _phase(shape, machine, typical, phase.name, phase.samples, typical.completion, passes.get(phase.name))
        for phase in declared
    ]
    kept = ({"base": typical.completion} if config.evaluation.base else {}) | method.measured(questions, typical)
    for label, tokens in kept.items():
        if label not in ("base", "final") and not config.evaluation.of_intermediate:
            continue
        samples = test_questions * config.evaluation.samples
        phases.append(_phase(shape, machine, typical, f"evaluation.{label}", samples, tokens, None))
        if config.evaluation.revise:
            name = f"evaluation.{label}.revision"
            phases.append(_phase(shape, machine, typical, name, samples, typical.completion, None))
    # A trainer keeps two states to resume from, each with the optimiser's two moments.
    states = 2 * 3 * 4.0 * shape.trained if passes else 0.0
    checkpoints = 4.0 * shape.parameters * len(kept) + states
    return Plan(
        shape,
        machine,
        questions,
        test_questions,
        config.budget.samples_per_question * questions,
        tuple(phases),
        memory(config, shape, machine, typical, passes.values(), any(phase.holds_teacher for phase in declared)),
        checkpoints + JOURNAL_BYTES * sum(p.generated for p in phases),
    )


def _phase(
    shape: Architecture, machine: Machine, typical: Typical, name: str, samples: int, tokens: float, passes: Passes | None
) -> PlannedPhase:
    generated = samples * tokens
    passes = passes or Passes(0.0)
    length = typical.prompt + passes.completions * tokens
    flops = passes.backward * shape.flops(length, backward=True) + passes.forward * shape.flops(length, backward=False)
    seconds = generated / machine.tokens_per_second + flops / (machine.tflops * 1e12 * machine.utilisation)
    return PlannedPhase(name, samples, generated, passes.backward, passes.forward, seconds / machine.count / 3600)
