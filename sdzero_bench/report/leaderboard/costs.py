"""What a row of a leaderboard cost, as the mean over its seeds; evaluation is apart, since it is not charged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.reader import BASE, FINAL, RunRecord
from sdzero_bench.records.schema import Manifest, PhaseUse, Use
from sdzero_bench.report.leaderboard.grouping import Row

ACCELERATOR, CPU = "accelerator", "CPU"


@dataclass(frozen=True)
class Cost:
    """Of one training run; tokens and samples are means over the seeds."""

    samples: float
    generated_tokens: float
    training_tokens: float
    """Through a model forward (a teacher's) or forward and backward (the student's)."""
    hours: float
    """Of accelerators where the run used any; else wall time times the threads that computed."""
    unit: str
    gain_per_thousand: float | None
    """Points of avg@k (per cent) over the base for each thousand training samples; None where there is no base or no sample."""
    tuning_samples: int
    """Training samples of the trials by which the settings were chosen; not in `samples`."""
    evaluation_samples: float
    evaluation_tokens: float
    verifier_failures: int
    """In training, of all seeds together."""


def cost(row: Row, average: float, base: float | None) -> Cost:
    """Cost of a row whose avg@k is `average`. A base row that was measured within another run costs nothing."""
    runs = row.runs
    training: list[Use] = [{} if row.is_base else run.training for run in runs]
    evaluation = [_evaluation(row, run.result.ledger) for run in runs]
    count = len(runs)

    def mean(ledgers: list[Use], *names: str) -> float:
        return sum(_total(ledger.values(), *names) for ledger in ledgers) / count

    samples = mean(training, "samples")
    spent, unit = hours(list(zip(training, (run.manifest for run in runs), strict=True)))
    gained = None if base is None or samples == 0 or row.is_base else 100 * (average - base) / (samples / 1000)
    tuning = runs[0].tuning
    return Cost(
        samples=samples,
        generated_tokens=mean(training, "generated_tokens"),
        training_tokens=mean(training, "forward_tokens", "backward_tokens"),
        hours=spent / count,
        unit=unit,
        gain_per_thousand=gained,
        tuning_samples=sum(trial.samples for trial in tuning.trials) if tuning else 0,
        evaluation_samples=mean(evaluation, "samples"),
        evaluation_tokens=mean(evaluation, "generated_tokens"),
        verifier_failures=int(sum(_total(use.values(), "verifier_failures") for use in training)),
    )


def samples_drawn(row: Row) -> float:
    """Training samples drawn until the row's policy existed; the mean over seeds."""
    if row.policy == BASE:
        return 0.0
    drawn = [run.training_samples if row.policy == FINAL else samples_up_to(run, row.policy) for run in row.runs]
    return sum(drawn) / len(drawn)


def samples_up_to(run: RunRecord, policy: str) -> int:
    """Training samples that a run had drawn when an intermediate policy was finished.

    Those of the phases up to the last one that is named after the policy, `POLICY` or `POLICY.SOMETHING`, in the order of the
    ledger; all of them if none is.
    """
    drawn = [(name, use.samples) for name, use in run.training.items()]
    named = [i for i, (name, _) in enumerate(drawn) if name == policy or name.startswith(f"{policy}.")]
    last = named[-1] if named else len(drawn) - 1
    return sum(samples for _, samples in drawn[: last + 1])


def hours(spent: Sequence[tuple[Use, Manifest]]) -> tuple[float, str]:
    """Hours of pairs (phases of a ledger, manifest), and what of.

    Of accelerators where any was used; else wall time times the threads that computed.
    """
    seconds = sum(_total(uses.values(), "accelerator_seconds") for uses, _ in spent)
    if seconds > 0:
        return seconds / 3600, ACCELERATOR
    return sum(_total(uses.values(), "wall_seconds") * _threads(manifest) for uses, manifest in spent) / 3600, CPU


def _evaluation(row: Row, ledger: Use) -> Use:
    """Phases that measured the ranked policy, or, of a whole run, all that measured."""
    prefix = f"{EVALUATION}.{row.policy}" if row.is_base else EVALUATION
    return {name: use for name, use in ledger.items() if name.startswith(prefix)}


def _total(uses: Iterable[PhaseUse], *names: str) -> float:
    return sum(float(getattr(use, name)) for use in uses for name in names)


def _threads(manifest: Manifest) -> int:
    return manifest.hardware.torch_threads or manifest.hardware.cpu_count or 1
