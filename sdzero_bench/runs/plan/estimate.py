"""From settings to samples, tokens, hours, memory and disk. docs/plan.md works one plan out by hand."""

from __future__ import annotations

from dataclasses import dataclass

from sdzero_bench.core.plugin_exits import no_exits
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.architecture import Architecture, architecture
from sdzero_bench.policies.engines.length_limit import configured_limit
from sdzero_bench.records.ledger import measures
from sdzero_bench.runs.budget_checks import affordable_plan
from sdzero_bench.runs.config import make_method
from sdzero_bench.runs.length_checks import AssumedLengths, needs_of_evaluation, needs_of_training, require_fitting
from sdzero_bench.runs.plan.duration import Durations
from sdzero_bench.runs.plan.machine import Machine
from sdzero_bench.runs.plan.memory import Memory, Parts
from sdzero_bench.runs.plan.planned_curve import FurtherPhase, planned_curve, planned_other_tasks
from sdzero_bench.runs.splitting import require_questions_to_train_on
from sdzero_bench.training.cost import Passes, Typical, TypicalSample, answer
from sdzero_bench.training.recipe import Phase

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
    """Wall time with all devices in use, without loading."""
    memory: Parts
    """Bytes on one device at the phase's peak."""
    worst: float
    """Bytes, where every response of a batch is as long as it may be."""


@dataclass(frozen=True)
class Exchange:
    """How weights travel to servers."""

    times: int
    """Once per policy that is sampled from, and per step of an on-policy phase."""
    size: float
    """Bytes each time."""


@dataclass(frozen=True)
class Plan:
    architecture: Architecture
    machine: Machine
    questions: int
    test_questions: int
    allowed: int
    """Training samples that the budget allows."""
    phases: tuple[PlannedPhase, ...]
    lacking_in_engine: float
    """Bytes that vLLM's share of the memory lacks to hold its weights and one sequence."""
    exchange: Exchange | None
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
    def largest(self) -> PlannedPhase:
        """The phase that needs the most memory."""
        return max(self.phases, key=lambda phase: sum(phase.memory.values()))

    @property
    def peak(self) -> float:
        return sum(self.largest.memory.values())

    @property
    def worst(self) -> float:
        """Bytes, where every response of a batch is as long as it may be."""
        return max(phase.worst for phase in self.phases)

    @property
    def fits(self) -> bool:
        return self.worst <= self.machine.memory_gb * 1e9 and not self.lacking_in_engine


@no_exits()
def estimate(config: RunConfig, typical: Typical, machine: Machine, questions: int, test_questions: int) -> Plan:
    """The plan of a run on `questions` training questions and `test_questions` test questions.

    Raises `UserError` for a method that does not declare what it trains on, for sequences that are too long for the model or
    the engine, and for more samples than the budget allows.
    """
    method, shape = make_method(config), architecture(config.model.name, config.lora)
    require_questions_to_train_on(config, method)
    affordable_plan(config, method, questions)
    limit, settings = config.sampling.max_new_tokens, config.evaluation
    in_evaluation = typical.within(settings.max_new_tokens, settings.of_revision)
    typical = typical.within(limit, limit)
    lengths = AssumedLengths(typical, limit)
    needs = [*needs_of_training(method, questions, lengths), *needs_of_evaluation(config, method, lengths)]
    require_fitting(needs, shape.context, configured_limit(config))
    declared, passes = method.phases(questions), method.expected(questions, typical)
    planner = _Planner(config, shape, machine, typical, trains=bool(passes))
    phases = [planner.trained(phase, passes.get(phase.name)) for phase in declared]
    kept = {label: phase for label, phase in method.measured(questions).items() if label == "final" or _measured(config)}
    if config.evaluation.base or not kept:
        phases += planner.measured("base", answer(in_evaluation), in_evaluation.of_revision, test_questions)
    for label, phase in kept.items():
        first = TypicalSample(in_evaluation.prompt, phase.response(in_evaluation))
        phases += planner.measured(label, first, phase.revision(in_evaluation), test_questions)
    evaluated: dict[str, Phase | None] = {"base": None} if config.evaluation.base or not kept else {}
    evaluated |= kept
    curve = planned_curve(config, declared if passes else (), evaluated, in_evaluation, test_questions)
    others = planned_other_tasks(config, [label for label in ("base", "final") if label in evaluated], in_evaluation)
    phases += map(planner.further, (*curve.phases, *others))
    steps = sum(phase.samples // config.optimizer.batch_size for phase in declared if phase.on_policy)
    # A trainer keeps two states to resume from while it writes a third, each with the optimizer's two moments.
    states = 3 * 3 * 4.0 * shape.trained if passes else 0.0
    width = 2.0 if config.model.dtype == "bfloat16" else 4.0
    checkpoints = width * shape.parameters * (sum(phase.trains for phase in declared) + curve.checkpoints) + states
    return Plan(
        shape,
        machine,
        questions,
        test_questions,
        config.budget.samples_per_question * questions,
        tuple(phases),
        planner.memory.lacking_in_engine(),
        planner.exchange(steps + 1 + len(kept) + curve.checkpoints) if config.engine.name == "vllm-server" else None,
        checkpoints + JOURNAL_BYTES * sum(p.generated for p in phases),
    )


def _measured(config: RunConfig) -> bool:
    return config.evaluation.of_intermediate


class _Planner:
    def __init__(self, config: RunConfig, shape: Architecture, machine: Machine, typical: Typical, trains: bool) -> None:
        self.config, self.shape, self.machine, self.typical = config, shape, machine, typical
        self.memory, self.worst = (
            Memory(config, shape, machine, typical, worst=worst, trains=trains) for worst in (False, True)
        )
        self.durations = Durations(config, shape, machine, typical)

    def trained(self, phase: Phase, passes: Passes | None) -> PlannedPhase:
        """A phase of the method."""
        drawn, took = phase.drawn(self.typical), self.durations
        batch = self.config.optimizer.batch_size if phase.on_policy else self.config.sampling.batch_size
        seconds = took.sampling(phase.samples, drawn, batch) + took.verifying(phase.samples)
        if passes is None:
            limit = self.config.sampling.max_new_tokens
            held = [memory.sampling(drawn, limit) for memory in (self.memory, self.worst)]
        else:
            seconds += took.training(phase.kind, passes, took.padding(drawn) if phase.on_policy else 1.0)
            rollouts = drawn if phase.on_policy else None
            held = [memory.training(passes, rollouts) for memory in (self.memory, self.worst)]
        return self._planned(phase.name, phase.samples, drawn.new, passes, seconds, held)

    def measured(self, label: str, first: TypicalSample, revision: float, questions: int) -> list[PlannedPhase]:
        """The evaluation of a policy."""
        settings = self.config.evaluation
        asked = [(f"evaluation.{label}", first, settings.max_new_tokens)]
        if settings.revise:
            context = first.context + first.new + self.typical.phrase
            asked.append((f"evaluation.{label}.revision", TypicalSample(context, revision), settings.of_revision))
        samples, batch = questions * settings.samples, self.config.sampling.batch_size
        phases = []
        for name, drawn, limit in asked:
            seconds = self.durations.sampling(samples, drawn, batch) + self.durations.verifying(samples)
            held = [memory.sampling(drawn, limit) for memory in (self.memory, self.worst)]
            phases.append(self._planned(name, samples, drawn.new, None, seconds, held))
        return phases

    def further(self, asked: FurtherPhase) -> PlannedPhase:
        """A measurement on other questions than all those of the test set."""
        limit, took = self.config.evaluation.max_new_tokens, self.durations
        seconds = took.sampling(asked.samples, asked.drawn, self.config.sampling.batch_size) + took.verifying(asked.samples)
        held = [memory.sampling(asked.drawn, limit) for memory in (self.memory, self.worst)]
        return self._planned(asked.name, asked.samples, asked.drawn.new, None, seconds, held)

    def exchange(self, times: int) -> Exchange:
        return Exchange(times, float(self.memory.engine_bytes * self.shape.parameters))

    def _planned(
        self, name: str, samples: int, tokens: float, passes: Passes | None, seconds: float, held: list[Parts]
    ) -> PlannedPhase:
        passes = passes or Passes(0.0)
        hours, (memory, worst) = seconds / self.machine.count / 3600, held
        generated = samples * tokens
        return PlannedPhase(name, samples, generated, passes.backward, passes.forward, hours, memory, sum(worst.values()))
