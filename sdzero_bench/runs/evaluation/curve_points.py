"""Which policy a run had when a share of its training samples had been charged, and what it had used by then.

All of it follows from the journal, the training logs and the ledger, so that a record is checked by the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sdzero_bench.core.settings import EvaluationConfig
from sdzero_bench.records.curve_record import SECONDS, UsedSoFar
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.schema import PhaseUse, Use
from sdzero_bench.training.curve_steps import at_step, thresholds
from sdzero_bench.training.recipe import Phase

Step = Mapping[str, float]
"""A line of a training log."""

BASE = "base"


@dataclass(frozen=True)
class Reached:
    """The newest policy at a share."""

    share: float
    checkpoint: str
    used: UsedSoFar


@dataclass(frozen=True)
class RunSoFar:
    """What a run has drawn and trained."""

    phases: Sequence[Phase]
    """In order."""
    ledger: Use
    drawn: Callable[[str], Sequence[Sample]]
    """The samples of a phase in the order in which they were drawn."""
    steps: Callable[[str], Sequence[Step]]
    """The training log of a phase."""

    def use(self, phase: Phase) -> PhaseUse:
        return self.ledger.get(phase.name, PhaseUse())

    @property
    def samples(self) -> int:
        return sum(self.use(phase).samples for phase in self.phases)


def reached(settings: EvaluationConfig, run: RunSoFar, final: str) -> list[Reached]:
    """One for each share of `curve_at`; `final` is the final policy's checkpoint. Nothing without a curve.

    A method may draw less than it plans: shares that it has not reached have the final policy.
    """
    plan = {phase.name: phase.samples for phase in run.phases if phase.draws}
    points = zip(settings.curve_at, thresholds(settings, plan), strict=False)
    return [
        Reached(share, final, _sum([run.use(phase) for phase in run.phases]))
        if share == 1 or samples > run.samples
        else _within(run, share, samples)
        for share, samples in points
    ]


def labelled(points: Sequence[Reached], evaluated: Mapping[str, str]) -> list[str]:
    """The label of each point's policy: `base`, one of the evaluated policies (checkpoints by label), or `at25`."""
    known = {BASE: BASE, **{checkpoint: label for label, checkpoint in evaluated.items()}}
    return [known.setdefault(point.checkpoint, label_at(point.share)) for point in points]


def label_at(share: float) -> str:
    """Of a policy that is measured for the curve alone: `at25`, `at12_5`."""
    return f"at{100 * share:g}".replace(".", "_")


def _within(run: RunSoFar, share: float, samples: int) -> Reached:
    """The policy at the first moment at which so many samples are charged: they are, in one of the phases."""
    before: list[PhaseUse] = []
    policy = BASE
    for phase in run.phases:
        use, own = run.use(phase), samples - sum(done.samples for done in before)
        if own <= use.samples and phase.on_policy:
            return Reached(share, *_in_training(run, phase, before, own))
        if own <= use.samples:
            return Reached(share, policy, _sum([*before, _in_sampling(run, phase, own)]))
        before.append(use)
        policy = phase.name if phase.trains else policy
    raise ValueError(f"{samples} samples are more than the {run.samples} that were drawn")


def _in_sampling(run: RunSoFar, phase: Phase, samples: int) -> PhaseUse:
    """What a phase had used after its first samples; they are taken to have lasted equally long."""
    use = run.use(phase)
    return _counted(run.drawn(phase.name)[:samples], use, samples / use.samples)


def _in_training(run: RunSoFar, phase: Phase, before: list[PhaseUse], samples: int) -> tuple[str, UsedSoFar]:
    """The policy after the first optimizer step at whose end a phase has charged so many samples."""
    drawn, log, use = run.drawn(phase.name), run.steps(phase.name), run.use(phase)
    step = sorted(map(_step_of, drawn))[samples - 1] + 1
    last = int(log[-1]["step"])
    if step >= last:
        return phase.name, _sum([*before, use])
    done = [row for row in log if row["step"] <= step]
    share = done[-1].get(SECONDS, use.wall_seconds * step / last) / use.wall_seconds if use.wall_seconds else 0.0
    tokens = {name: round(sum(row.get(name, 0) for row in done)) for name in ("forward_tokens", "backward_tokens")}
    own = _counted([s for s in drawn if _step_of(s) < step], use, share).model_copy(update=tokens)
    return at_step(phase.name, step), _sum([*before, own])


def _counted(samples: Sequence[Sample], use: PhaseUse, share: float) -> PhaseUse:
    """The use of some samples of a phase, in this share of its seconds."""
    return PhaseUse(
        samples=len(samples),
        prompt_tokens=sum(sample.prompt_tokens for sample in samples),
        generated_tokens=sum(len(sample.token_ids) for sample in samples),
        wall_seconds=use.wall_seconds * share,
        accelerator_seconds=use.accelerator_seconds * share,
    )


def _step_of(sample: Sample) -> int:
    """How many optimizer steps the policy had made that drew the sample."""
    return int(sample.policy.rpartition("@")[2])


def _sum(uses: Sequence[PhaseUse]) -> UsedSoFar:
    return UsedSoFar(**{name: sum(getattr(use, name) for use in uses) for name in UsedSoFar.model_fields})
