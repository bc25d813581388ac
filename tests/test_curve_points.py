"""Which policy a learning curve takes for a share of the samples: against a run that is gone through step by step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import EvaluationConfig
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.curve_record import Accuracy, CurvePoint, UsedSoFar, select
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import Ledger, measured_on, other_task
from sdzero_bench.records.schema import Budget, PhaseUse
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.evaluation.curve_points import RunSoFar, labelled, reached
from sdzero_bench.runs.plan.assumptions import assumptions
from sdzero_bench.runs.plan.planned_curve import planned_curve
from sdzero_bench.training.curve_steps import first_step, steps_to_keep, thresholds
from sdzero_bench.training.recipe import Phase

CURVE = EvaluationConfig(curve_questions=10)


def sample(phase: str, number: int, policy: str) -> Sample:
    verdict = Verdict(1.0)
    return Sample(phase, f"q{number}", "0", 1, policy, "0" * 16, 10, tuple(range(number % 7 + 1)), "", "stop", verdict, "e 1")


def run_so_far(batch: int = 4, updates: int = 1) -> RunSoFar:
    """8 samples of the base, fine-tuning, then 24 rollouts in batches, with the tokens and the seconds of each step."""
    phases = [Phase("first.sample", "sample", 8), Phase("first", "finetune"), Phase("second", "policy_gradient", 24)]
    rollouts = [sample("second", i, f"second@{i // batch * updates}") for i in range(24)]
    samples = {"first.sample": [sample("first.sample", i, "base") for i in range(8)], "second": rollouts}
    steps = [{"step": i + 1, "backward_tokens": 100.0, "runtime_seconds": 2.0 * (i + 1)} for i in range(24 // batch * updates)]
    ledger = Ledger(Budget(question_set="0" * 16, questions=1, samples=32, new_tokens_per_sample=9))
    for drawn in samples.values():
        for one in drawn:
            ledger.charge(one)
    ledger.phase("first.sample").wall_seconds = 16.0
    ledger.phases["first"] = PhaseUse(backward_tokens=500, wall_seconds=5.0)
    ledger.phase("second").backward_tokens = 100 * len(steps)
    ledger.phase("second").wall_seconds = 2.0 * len(steps)
    return RunSoFar(phases, ledger.phases, samples.__getitem__, {"second": steps}.__getitem__)


def test_the_newest_policy_at_each_share_and_what_it_had_used() -> None:
    points = reached(CURVE.model_copy(update={"curve_at": (0.125, 0.25, 0.5, 0.75, 1.0)}), run_so_far(), "second")
    assert [point.checkpoint for point in points] == ["base", "base", "second@2", "second@4", "second"]
    assert [point.used.samples for point in points] == [4, 8, 16, 24, 32]
    assert [point.used.backward_tokens for point in points] == [0, 0, 700, 900, 1100]
    assert [point.used.wall_seconds for point in points] == [8.0, 16.0, 25.0, 29.0, 33.0]
    assert points[0].used.generated_tokens == 1 + 2 + 3 + 4
    assert points[2].used.generated_tokens == sum(i % 7 + 1 for i in range(8)) * 2
    assert labelled(points, {"base": "base", "final": "second"}) == ["base", "base", "at50", "at75", "final"]
    assert labelled(points, {"final": "second"})[0] == "base"


def test_what_was_used_only_grows() -> None:
    shares = tuple(i / 32 for i in range(1, 33))
    points = reached(CURVE.model_copy(update={"curve_at": shares}), run_so_far(), "second")
    for before, after in pairwise(points):
        assert all(getattr(after.used, name) >= getattr(before.used, name) for name in UsedSoFar.model_fields)


def test_a_method_that_draws_less_than_it_plans_ends_with_its_final_policy() -> None:
    run = run_so_far()
    longer = replace(run, phases=[*run.phases[:2], replace(run.phases[2], samples=56)])
    points = reached(CURVE, longer, "second")
    assert [(point.checkpoint, point.used.samples) for point in points] == [
        ("second@2", 16),
        ("second", 32),
        ("second", 32),
        ("second", 32),
    ]


@pytest.mark.parametrize("updates", [1, 3])
@pytest.mark.parametrize("batch", [1, 4, 5])
def test_the_first_step_is_that_of_a_run_gone_through_step_by_step(batch: int, updates: int) -> None:
    for samples in range(1, 21):
        charged = step = 0
        while charged < samples:
            charged += batch * (step % updates == 0)
            step += 1
        assert first_step(samples, batch, updates) == step


@pytest.mark.parametrize(("batch", "updates"), [(4, 1), (4, 3), (8, 2), (24, 1)])
def test_training_keeps_the_very_policies_that_the_curve_asks_for(batch: int, updates: int) -> None:
    run = run_so_far(batch, updates)
    ledger = Ledger(Budget(question_set="0" * 16, questions=1, samples=32, new_tokens_per_sample=9), dict(run.ledger))
    ledger.plan = {"first.sample": 8, "second": 24}
    kept = steps_to_keep(CURVE, ledger, "second", batch, updates, 24 // batch * updates)
    asked = {point.checkpoint for point in reached(CURVE, run, "second") if "@" in point.checkpoint}
    assert {f"second@{step}" for step in kept} == asked


def test_without_a_curve_nothing_is_kept() -> None:
    plan = {"second": 24}
    assert thresholds(EvaluationConfig(), plan) == ()
    assert thresholds(EvaluationConfig(curve_questions=5, split="validation"), plan) == ()
    assert thresholds(CURVE, {}) == ()
    assert reached(EvaluationConfig(), run_so_far(), "second") == []


@pytest.mark.parametrize("shares", ["[]", "[0.5]", "[0, 1]", "[1, 0.5]", "[0.5, 0.5, 1]", "[0.5, 1.5]"])
def test_shares_rise_to_1(shares: str) -> None:
    with pytest.raises(UserError, match="rise to 1"):
        resolve("rft", "tiny", assignments=[f"evaluation.curve_at={shares}"])


def test_the_plan_names_the_policies_that_the_run_keeps() -> None:
    """GRPO of 128 samples in batches of 32: three policies on the way, each measured on test and validation questions."""
    config = resolve("grpo", "tiny", assignments=["evaluation.curve_questions=6", "task.train=32", "optimizer.batch_size=32"])
    phases = [Phase("grpo", "policy_gradient", 128)]
    found = planned_curve(config, phases, {"base": None, "final": phases[0]}, assumptions(config).typical, 8)
    names = [f"evaluation.at{share}.{on}" for share in (25, 50, 75) for on in ("curve", "validation")]
    assert [phase.name for phase in found.phases] == [*names, "evaluation.final.validation"]
    assert {phase.name: phase.samples for phase in found.phases}[names[0]] == 6 * 2
    assert {phase.name: phase.samples for phase in found.phases}[names[1]] == 4 * 2
    assert found.checkpoints == 3


def test_selection_is_by_accuracy_and_of_equal_policies_the_later() -> None:
    def point(share: float, test: float, validation: float | None) -> CurvePoint:
        used = UsedSoFar(**dict.fromkeys(UsedSoFar.model_fields, 0))
        test_accuracy, validated = (
            None if value is None else Accuracy(avg_at_k=value, interval=[value, value], unverified=0)
            for value in (test, validation)
        )
        assert test_accuracy is not None
        return CurvePoint(share=share, policy=f"at{share}", checkpoint="c", used=used, test=test_accuracy, validation=validated)

    found = select([point(0.25, 0.9, 0.1), point(0.5, 0.5, 0.7), point(0.75, 0.9, 0.7), point(1.0, 0.6, 0.2)])
    assert found.best_by_validation is not None
    assert (found.last.share, found.best_by_validation.share, found.best_by_test.share) == (1.0, 0.75, 0.75)
    assert found.last.test.avg_at_k == 0.6
    assert select([point(1.0, 0.6, None)]).best_by_validation is None


def test_which_questions_a_phase_asks() -> None:
    of_test = ("evaluation.final", "evaluation.final.revision", "evaluation.at25.curve")
    assert {measured_on(phase) for phase in of_test} == {"test"}
    assert measured_on("rft.sample") == "train"
    assert measured_on("evaluation.final.validation") == "validation"
    assert measured_on("evaluation.validation") == "test"  # a policy of that name
    assert measured_on(f"evaluation.final.{other_task('lm-eval:ifeval')}") == "on-lm-eval-ifeval"
