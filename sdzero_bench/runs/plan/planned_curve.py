"""What the learning curve and other tasks will take: which policies are kept, and how many more samples measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.ledger import EVALUATION, other_task
from sdzero_bench.runs.config import load_preset
from sdzero_bench.runs.evaluation.curve_measuring import phases_of, samples_each
from sdzero_bench.runs.evaluation.curve_points import BASE, label_at
from sdzero_bench.runs.evaluation.other_tasks import names_of
from sdzero_bench.training.cost import Typical, TypicalSample, answer
from sdzero_bench.training.curve_steps import first_step, thresholds
from sdzero_bench.training.recipe import Phase


@dataclass(frozen=True)
class FurtherPhase:
    """A phase that measures a policy on other questions than all those of the test set."""

    name: str
    samples: int
    drawn: TypicalSample


@dataclass(frozen=True)
class PlannedCurve:
    phases: tuple[FurtherPhase, ...]
    checkpoints: int
    """Policies that are kept for the curve alone, all of them at the end of training."""


def planned_curve(
    config: RunConfig, declared: Sequence[Phase], evaluated: Mapping[str, Phase | None], typical: Typical, test_questions: int
) -> PlannedCurve:
    """Of a run whose policies `evaluated`, by label and with the phases that train them, are measured on all test questions.

    If every phase draws all that it declares.
    """
    each, settings = samples_each(config.evaluation), config.evaluation
    validation = min(settings.of_curve, int(config.task.get("validation") or settings.of_curve))
    counts = (min(settings.of_curve, test_questions), validation)
    policies = _policies(config, declared, evaluated)
    found = []
    for label, phase in policies.items():
        for name, questions in zip(phases_of(label, label in evaluated), counts, strict=True):
            if name != f"{EVALUATION}.{label}":
                found.append(FurtherPhase(name, questions * each, _response(phase, typical)))
    kept = sum(label not in evaluated and label != BASE for label in policies)
    return PlannedCurve(tuple(found), kept)


def planned_other_tasks(config: RunConfig, labels: Sequence[str], typical: Typical) -> list[FurtherPhase]:
    """Base and final policy on other tasks: lengths are the preset's for the task, or else those of the run's own."""
    settings, known = config.evaluation, load_preset(config.preset).get("typical", {})
    found = []
    for name in names_of(config):
        each = 1 if ":" in name else min(settings.forgetting_samples, settings.samples)
        try:
            own = Typical.model_validate(known[name]).within(settings.max_new_tokens, settings.of_revision)
        except (KeyError, ValidationError):
            own = typical
        samples = settings.forgetting_questions * each
        found += [FurtherPhase(f"{EVALUATION}.{label}.{other_task(name)}", samples, answer(own)) for label in labels]
    return found


def _policies(config: RunConfig, declared: Sequence[Phase], evaluated: Mapping[str, Phase | None]) -> dict[str, Phase | None]:
    """Policies of the curve by label, as `curve_points.reached` and `labelled` find them, with the phases that train them."""
    labels = {phase.name: label for label, phase in evaluated.items() if phase is not None}
    found: dict[str, Phase | None] = {}
    plan = {phase.name: phase.samples for phase in declared if phase.draws}
    points = zip(config.evaluation.curve_at, thresholds(config.evaluation, plan), strict=False)
    for share, samples in points:
        label, phase = ("final", declared[-1]) if share == 1 else _at(config, declared, labels, share, samples)
        found.setdefault(label, phase)
    return found


def _at(
    config: RunConfig, declared: Sequence[Phase], labels: Mapping[str, str], share: float, samples: int
) -> tuple[str, Phase | None]:
    before: Phase | None = None
    for phase in declared:
        if phase.draws and samples <= phase.samples:
            batch = min(config.optimizer.batch_size, phase.samples)
            trained = phase if phase.on_policy else before
            if phase.on_policy and first_step(samples, batch, 1) < phase.samples // batch:
                return label_at(share), phase
            return (labels.get(trained.name, label_at(share)), trained) if trained is not None else (BASE, None)
        samples -= phase.samples
        before = phase if phase.trains else before
    return "final", declared[-1]


def _response(phase: Phase | None, typical: Typical) -> TypicalSample:
    return TypicalSample(typical.prompt, typical.completion if phase is None else phase.response(typical))
