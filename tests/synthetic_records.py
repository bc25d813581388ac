"""Records of runs that never ran, written in milliseconds: every figure follows from a journal of made-up samples.

`write_record(folder, "rft", seed=1, accuracy=0.7)` writes a finished run. Questions and their difficulty are the same in every
record, so that two records of one size are comparable and their differences are paired.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np

from sdzero_bench.core.bench_version import BENCH_VERSION
from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.questions.decontamination import RULE
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Journal, Sample
from sdzero_bench.records.ledger import Ledger, measures
from sdzero_bench.records.measured import PolicyEvaluation, PolicyFigures
from sdzero_bench.records.recorded_journal import journal_manifest
from sdzero_bench.records.schema import (
    FORMAT_VERSION,
    Budget,
    Decontamination,
    Hardware,
    Manifest,
    QuestionFiles,
    RunResult,
    SessionRecord,
    TuningRecord,
)
from sdzero_bench.report.leaderboard.leaderboard import TaskTable
from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.runs.config import make_method
from sdzero_bench.runs.evaluation.measures import measure, paired_difference
from sdzero_bench.runs.registry import methods

MODEL = "/nowhere/made-up"
"""There is no such model: samples have made-up token ids, which are not held against their texts."""


def write_record(
    folder: Path,
    method: str = "rft",
    seed: int = 0,
    accuracy: float = 0.6,
    questions: int = 40,
    k: int = 4,
    rng: np.random.Generator | None = None,
    *,
    train: int = 10,
    options: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    base: float | None = None,
    intermediate: dict[str, float] | None = None,
    answers: bool = True,
    failures: int = 0,
    supervision: str | None = None,
    tuning: dict[str, Any] | None = None,
    state: Literal["running", "finished"] = "finished",
    intervals: bool = True,
) -> Path:
    """Write the record of one run into `folder`, which becomes the run's own, and return it.

    accuracy: chance that a sample of the final policy is right, on a question of mean difficulty; base and intermediate: the
    same of the base policy and of policies on the way, measured in this run too. train: training questions, each of which
    costs as many samples as the budget allows. config: settings over the defaults, nested as in `RunConfig`. answers: whether
    there are final answers to vote on. failures: questions of which one evaluation sample timed out in the verifier; pass@k is
    then of one sample less. intervals: False leaves out the bootstrap, for many records whose own intervals nobody reads.
    """
    rng = rng or np.random.default_rng([seed, int(accuracy * 1e6), *method.encode()])
    settings = _settings(method, seed, k, k - (failures > 0), options or {}, config or {})
    training, measured = question_set("train", train), question_set("test", questions)
    budget = Budget(
        question_set=training.fingerprint,
        questions=train,
        samples=settings.budget.samples_per_question * train,
        new_tokens_per_sample=settings.sampling.max_new_tokens,
        training_tokens=settings.budget.training_tokens,
    )
    ledger, journal = Ledger(budget), Journal(folder / "journal")
    policies = {"base": accuracy} if method == "base" else {**(intermediate or {}), "final": accuracy}
    if base is not None:
        policies = {"base": base, **policies}
    own = make_method(settings) if method in methods() else None  # a name may be made up
    trained = own.measured(train) if own else {}
    supervision = supervision or (own.supervision if own else "verifier rewards")
    checkpoints = {label: trained[label].name if label in trained else label for label in policies}
    share = settings.budget.samples_per_question // max(1, len(policies) - ("base" in policies))
    evaluation: list[PolicyEvaluation] = []
    for label, chance in policies.items():
        if label != "base":
            phase = f"{method if label == 'final' else label}.sample"
            samples = _samples(phase, training, "base", share, seed, np.full(train, chance), rng, answers)
            _keep(samples, journal, ledger)
            ledger.phase(phase).wall_seconds = 2.0
            ledger.phase(phase.removesuffix(".sample")).backward_tokens = 1000
            ledger.phase(phase.removesuffix(".sample")).wall_seconds = 8.0
    for label, chance in policies.items():
        chances = _chances(chance, questions)
        samples = _samples(
            f"evaluation.{label}", measured, checkpoints[label], k, settings.evaluation.seed, chances, rng, answers
        )
        if label != "base":
            samples = [_failed(s) if i % k == 0 and i // k < failures else s for i, s in enumerate(samples)]
        _keep(samples, journal, ledger)
        ledger.phase(f"evaluation.{label}").wall_seconds = 3.0
        with nullcontext() if intervals else patch(f"{measure.__module__}.mean_over_questions", _mean_alone):
            figures = measure(samples, settings.evaluation.pass_at)
            evaluation.append(PolicyEvaluation(policy=label, checkpoint=checkpoints[label], **dict(figures)))
        if label != "base" and base is not None:
            over = paired_difference(evaluation[0].per_question.avg, evaluation[-1].per_question.avg)
            evaluation[-1].over_base = over
    journal.close()
    _write(RunFolder(folder), settings, training, measured, ledger, evaluation, supervision, tuning, state)
    return folder


def write_comparison(folder: Path) -> Path:
    """Three methods with three seeds each, the base with one: sdzero is far ahead of the others, and the base far behind."""
    for seed in range(3):
        write_record(folder / f"rft-s{seed}", "rft", seed, 0.60, intervals=False)
        write_record(folder / f"srt-s{seed}", "srt", seed, 0.60, intervals=False)
        write_record(folder / f"sdzero-s{seed}", "sdzero", seed, 0.90, intermediate={"srt": 0.7}, intervals=False)
    write_record(folder / "base", "base", 0, 0.25, intervals=False)
    return folder


def _mean_alone(values: Sequence[float]) -> Estimate:
    return Estimate(*[float(np.mean(values))] * 3)


def question_set(split: str, count: int) -> QuestionSet:
    """The first `count` sums of a split; no sum is in both."""
    first = 100 if split == "train" else 50_000
    return QuestionSet(
        split, tuple(Question(f"{split}-{i}", f"{first + i} + {7 * i} = ?", str(first + 8 * i)) for i in range(count))
    )


def _settings(method: str, seed: int, k: int, pass_at: int, options: dict[str, Any], changes: dict[str, Any]) -> RunConfig:
    settings: dict[str, Any] = {
        "preset": "micro",
        "seed": seed,
        "model": {"name": MODEL},
        "task": {"name": "micro-arith"},
        "method": {"name": method, **options},
        "sampling": {"max_new_tokens": 64},
        "evaluation": {"samples": k, "pass_at": pass_at, "max_new_tokens": 64, "revise": False, "base": method == "base"},
    }
    for section, values in changes.items():
        settings[section] = {**settings.get(section, {}), **values} if isinstance(values, dict) else values
    return RunConfig(**settings)


def _chances(mean: float, questions: int) -> np.ndarray:
    """Of a right sample, by question: easy and hard ones, in an order that is the same for every record. Shape: [questions]."""
    difficulty = np.random.default_rng(0).normal(0, 1.5, questions)
    odds = mean / (1 - mean) if mean < 1 else np.inf
    return odds / (odds + np.exp(difficulty)) if np.isfinite(odds) else np.ones(questions)


def _samples(
    phase: str,
    questions: QuestionSet,
    policy: str,
    count: int,
    seed: int,
    chances: np.ndarray,
    rng: np.random.Generator,
    answers: bool,
) -> list[Sample]:
    right = rng.random((len(questions), count)) < chances[:, None]
    lengths = rng.integers(5, 25, (len(questions), count))
    slips = rng.integers(1, 4, (len(questions), count))
    samples = []
    for row, question in enumerate(questions):
        prompt = hashlib.sha256(question.text.encode()).hexdigest()[:16]
        for index in range(count):
            given = str(int(question.answer) + (0 if right[row, index] else int(slips[row, index])))
            samples.append(
                Sample(
                    phase=phase,
                    question_id=question.id,
                    index=str(index),
                    seed=sample_seed(seed, "evaluation" if measures(phase) else phase, question.id, str(index)),
                    policy=policy,
                    prompt_sha256=prompt,
                    prompt_tokens=12,
                    token_ids=tuple(range(3, 3 + int(lengths[row, index]))),
                    text=f"The sum is {given}, so \\boxed{{{given}}}",
                    finish="stop",
                    verdict=Verdict(float(right[row, index]), answer=given if answers else None),
                    engine="transformers 5.0",
                )
            )
    return samples


def _failed(sample: Sample) -> Sample:
    return Sample(**{**sample.__dict__, "verdict": Verdict.failed("timeout", "no verdict in time")})


def _keep(samples: Sequence[Sample], journal: Journal, ledger: Ledger) -> None:
    journal.append(samples)
    for sample in samples:
        ledger.charge(sample)


def _write(
    run: RunFolder,
    config: RunConfig,
    training: QuestionSet,
    measured: QuestionSet,
    ledger: Ledger,
    evaluation: list[PolicyEvaluation],
    supervision: str,
    tuning: dict[str, Any] | None,
    state: Literal["running", "finished"],
) -> None:
    files = QuestionFiles(
        train=run.write_question_set(training, with_details=False), test=run.write_question_set(measured, with_details=False)
    )
    hardware = Hardware(machine="x86_64", system="Linux", cpu_count=2, torch_threads=2, accelerators=[])
    record = TuningRecord(**tuning) if tuning else None
    shared: dict[str, Any] = {
        "bench_version": BENCH_VERSION,
        "question_set": training.fingerprint,
        "test_set": measured.fingerprint,
        "supervision": supervision,
        "tuning": record,
        "origin": None,
        "harness": None,
        "left_out_tests": 0,
        "control": config.method["name"] in methods() and methods()[config.method["name"]].control,
    }
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        run_id=run.run_id,
        config=config,
        question_files=files,
        decontamination=Decontamination(rule=RULE, side="train"),
        versions={"sdzero-bench": "made up"},
        hardware=hardware,
        sandbox=None,
        sessions=[SessionRecord(started="2026-01-01T00:00:00+00:00", versions={}, hardware=hardware)],
        journal=journal_manifest(run.path),
        state=state,
        **shared,
    )
    run.write("manifest.json", manifest)
    run.write("ledger.json", ledger.phases)
    run.write("evaluation.json", evaluation)
    if state != "finished":
        return
    result = RunResult(
        run_id=run.run_id,
        method=config.method["name"],
        task=config.task["name"],
        preset=config.preset,
        seed=config.seed,
        model=config.model.name,
        folder=str(run.path),
        sandbox=None,
        budget=ledger.budget,
        ledger=ledger.phases,
        evaluation=[PolicyFigures(**dict(entry)) for entry in evaluation],
        **shared,
    )
    run.write("result.json", result)


def write_finished(folder: Path, config: RunConfig) -> Path:
    """A finished run whose manifest has these settings, whatever its samples say."""
    if not (folder / "manifest.json").is_file():
        write_record(folder, questions=4, train=2, intervals=False)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "config": config.model_dump(mode="json")}))
    return folder


def only_table(folder: Path, reference: str | None = None) -> TaskTable:
    """The table of a report that has one."""
    ((table,),) = Report(folder, reference).boards
    return table
