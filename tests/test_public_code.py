"""SD-Zero as its public code runs it: what the recipe sets, and what each option does."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_runs import run_json, small_run

from sdzero_bench.core.settings import OptimizerConfig
from sdzero_bench.methods.sdzero import PUBLIC_CODE, SDZero, SDZeroOptions
from sdzero_bench.runs.config import resolve
from sdzero_bench.training.options import OwnOptimizer
from sdzero_bench.training.phase import TrainingPhase


def test_the_recipe_sets_everything_but_what_is_given() -> None:
    options = SDZeroOptions(recipe="public-code", srt={"revisions": 2}, distill={"learning_rate": 1e-4})
    assert options.srt.responses == PUBLIC_CODE["srt"]["responses"] == 3
    assert (options.srt.revisions, options.srt.tuples, options.srt.objective) == (2, "wrong_first", "two_stage")
    assert options.srt.phrases.wrong == "Wait, this response is wrong. Let me correct it."
    assert (options.distill.learning_rate, options.distill.divergence.top_k) == (1e-4, 64)
    assert options.distill.end_in_prefix
    assert options.distill.optimizer == OwnOptimizer(schedule="constant_with_warmup", weight_decay=0.01, beta1=0.9, beta2=0.999)
    assert SDZeroOptions().srt.responses == 1


@pytest.mark.parametrize("preset", ["micro", "paper-qwen3-4b"])
def test_the_recipe_stays_within_the_budget_of_a_preset(preset: str) -> None:
    config = resolve("sdzero", preset, assignments=["method.recipe=public-code"])
    method = SDZero(SDZero.Options(**{k: v for k, v in config.method.items() if k != "name"}))
    assert sum(method.plan(1000).values()) <= 1000 * config.budget.samples_per_question
    again = resolve("sdzero", preset, assignments=["method.recipe=public-code"]).method
    assert SDZeroOptions(**{k: v for k, v in again.items() if k != "name"}) == method.options, "settings written out stay"


def contexts(tokenizer: Any, *settings: str) -> Any:
    """The teacher context of SD-Zero with these settings, for attempts at one question."""
    given: list[Any] = []
    run = SimpleNamespace(
        base="base",
        questions=SimpleNamespace(split=lambda share: ("for srt", "for distillation")),
        reviser_context=lambda question, ids, inserted, keep_end: ["x", *(ids if keep_end else ids[:-1]), inserted],
        self_distill=lambda name, start, questions, context, options: given.append(context),
    )
    config = resolve("sdzero", "micro", assignments=["method.phases=distill", *settings])
    SDZero(SDZeroOptions(**{k: v for k, v in config.method.items() if k != "name"})).train(run)  # type: ignore[arg-type]
    return given[0]


def attempt(finish: str) -> Any:
    return SimpleNamespace(question="q", sample=SimpleNamespace(verdict=SimpleNamespace(reward=0.0), finish=finish))


def test_the_end_of_turn_may_stand_in_the_teachers_prefix(tokenizer: Any) -> None:
    assert contexts(tokenizer)(attempt("stop"), [7, 8, 2])[:3] == ["x", 7, 8]
    assert contexts(tokenizer, "method.distill.end_in_prefix=true")(attempt("stop"), [7, 8, 2])[:4] == ["x", 7, 8, 2]


def test_a_response_cut_at_its_limit_is_told_that_it_was_wrong_or_is_left_out(tokenizer: Any) -> None:
    assert "not correct" in contexts(tokenizer)(attempt("length"), [7, 8, 2])[-1]
    leaving_out = contexts(tokenizer, "method.distill.cut=leave out")
    assert leaving_out(attempt("length"), [7, 8, 2]) is None
    assert leaving_out(attempt("stop"), [7, 8, 2]) is not None


def test_a_phase_may_have_settings_of_the_optimiser_of_its_own() -> None:
    phase: Any = TrainingPhase.__new__(TrainingPhase)
    phase.own, phase.name, phase.learning_rate, phase.work = {"beta2": 0.999, "schedule": "linear"}, "p", 1e-3, Path("w")
    config = SimpleNamespace(optimizer=OptimizerConfig(), seed=0, tracking=SimpleNamespace(report_to=()))
    phase.run = SimpleNamespace(
        config=config,
        ranks=SimpleNamespace(count=1),
        precision=(False, True),
        folder=SimpleNamespace(run_id="r", path=Path("r")),
    )
    arguments = phase._arguments(batch_size=8)
    assert (arguments["adam_beta2"], arguments["lr_scheduler_type"], arguments["adam_beta1"]) == (0.999, "linear", 0.9)
    assert arguments["per_device_train_batch_size"] == 8


def test_a_run_by_the_recipe_trains_in_both_stages_on_revisions_in_the_users_turn(tmp_path: Path) -> None:
    settings = ("method.recipe=public-code", "method.distill.learning_rate=null", "method.srt.stage_two=6")
    result = run_json(small_run("sdzero", tmp_path, *settings, "evaluation.revise=false", "evaluation.base=false"))
    assert {"srt-stage1", "srt", "distill"} <= result["ledger"].keys()
    assert result["ledger"]["srt.initial"]["samples"] == 3 * round(16 * PUBLIC_CODE["srt_share"])
    (folder,) = tmp_path.iterdir()
    rows = [json.loads(line) for line in (folder / "journal" / "srt.revision.jsonl").read_text().splitlines()]
    assert {row["index"] for row in rows} == {f"{first}.{i}" for first in range(3) for i in range(3)}
