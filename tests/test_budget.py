"""The budget is a limit and not a promise: samples, training tokens and questions beyond it are errors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_runs import finished, small_run

from sdzero_bench.core.errors import BudgetError
from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.settings import OptimizerConfig
from sdzero_bench.methods.rft import RFT
from sdzero_bench.records.ledger import Budget, Ledger
from sdzero_bench.runs import registry
from sdzero_bench.training.arguments import trainer_arguments
from sdzero_bench.training.run import Checkpoint, Run


def ledger(training_tokens: int | None) -> Ledger:
    return Ledger(
        Budget(question_set="f" * 16, questions=10, samples=40, new_tokens_per_sample=8, training_tokens=training_tokens)
    )


def test_training_tokens_of_all_phases_count_against_the_limit() -> None:
    limited = ledger(1000)
    limited.phase("srt").backward_tokens = 600
    limited.require_tokens("distill", 400)
    with pytest.raises(BudgetError, match="'distill' needs 401 training tokens, but 400 of the budget's 1000 are left"):
        limited.require_tokens("distill", 401)
    # What a phase has booked itself is part of what it needs, not on top of it: it may be asked again at each step.
    limited.phase("distill").forward_tokens = 300
    limited.require_tokens("distill", 400)
    assert limited.training_tokens == 900
    ledger(None).require_tokens("srt", 10**12)


def test_a_plan_binds() -> None:
    """The budget is of 40 samples, and the phase has declared 12 of them."""
    limited = ledger(None)
    limited.plan = {"rft.sample": 12}
    limited.phase("rft.sample").samples = 10
    limited.require("rft.sample", 2)
    limited.require("evaluation.final", 10**6)
    with pytest.raises(BudgetError, match=r"'rft.sample' needs 3 samples, but 2 of its plan are left"):
        limited.require("rft.sample", 3)
    with pytest.raises(BudgetError, match=r"'extra' needs 1 sample, but 0 of its plan are left"):
        limited.require("extra", 1)


class Greedy(RFT):
    """Plans what RFT does, and draws once more."""

    name = "greedy"

    def train(self, run: Run) -> Checkpoint:
        run.sample("greedy.more", run.base, run.ask(run.questions, 1))
        return super().train(run)


def test_a_method_that_draws_more_than_it_declares_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.methods(), "greedy", Greedy)
    done = finished(small_run("greedy", tmp_path, "method.samples=2"))
    assert done.returncode == 2
    assert "phase 'greedy.more' needs 16 samples, but 0 of its plan are left" in done.stderr


@pytest.mark.parametrize(
    ("method", "tokens", "said"),
    [
        ("rft", 3000, "phase 'rft' needs"),  # before the first step: the number of tokens is known there
        ("sdft", 7500, "phase 'sdft' needs"),  # at the step that oversteps: rollouts decide it
        ("sdft", 1500, "sdft trains on 64 sequences of at least"),  # before the first sample: prompts alone are too long
    ],
)
def test_a_run_that_trains_on_too_many_tokens_stops(tmp_path: Path, method: str, tokens: int, said: str) -> None:
    done = finished(small_run(method, tmp_path, f"budget.training_tokens={tokens}"))
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert str(tokens) in done.stderr


@pytest.mark.parametrize("batch", [1, 7, 32, 48])
def test_an_optimiser_step_is_over_the_batch_that_was_asked_for(tmp_path: Path, batch: int) -> None:
    arguments = trainer_arguments(OptimizerConfig(batch_size=batch), 1, tmp_path, 0, bf16=False, cpu=True, learning_rate=None)
    assert arguments["per_device_train_batch_size"] * arguments["gradient_accumulation_steps"] == batch


def run_on(*ids: str) -> Any:
    questions = QuestionSet("set", tuple(Question(i, f"text of {i}", "1") for i in ids))
    run: Any = Run.__new__(Run)
    run.base, run.questions, run._drawn, run._asked, run.trained = "base", questions, [], set(), False
    run.config = SimpleNamespace(seed=0, sampling=SimpleNamespace(temperature=1.0, top_p=1.0, max_new_tokens=8))

    def draw(*arguments: Any) -> list[Any]:
        run._drawn.append(arguments)
        return []

    run._sample = draw
    return run


def test_a_method_trains_on_its_own_questions_alone() -> None:
    run = run_on("a", "b")
    asked = SimpleNamespace(question=run.questions[0], key="a/0")
    run.sample("phase", None, [asked])
    assert len(run._drawn) == 1
    for strange in (Question("c", "text of c", "1"), Question("a", "another text", "1"), Question("a", "text of a", "2")):
        with pytest.raises(ValueError, match="not in the run's question set"):
            run.sample("phase", None, [SimpleNamespace(question=strange)])
    assert len(run._drawn) == 1
    with pytest.raises(ValueError, match="the sample 'a/0' is asked for twice"):
        run.sample("phase", None, [asked])
    run.sample("another phase", None, [asked])


def test_a_method_cannot_draw_samples_that_are_not_charged() -> None:
    run = run_on("a")
    asked = [SimpleNamespace(question=run.questions[0])]
    for name in ("evaluation.more", "evaluation"):
        with pytest.raises(ValueError, match="not charged to its budget"):
            run.sample(name, None, asked)
        with pytest.raises(ValueError, match="not charged to its budget"):
            run.finetune(name, None, [], 1)
    with pytest.raises(ValueError, match="once training is over"):
        run.measure("more", None, asked, None, 0, "")
    assert run._drawn == []
    run.trained = True
    run.measure("final", None, asked, None, 0, "")
    assert run._drawn[0][0] == "evaluation.final"
