"""Trainers that a method brings with it: no step at the learning rate 0, every token counted, and no text generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from small_runs import command, finished, run_json, small_run
from tiny import tiny_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments
from trl import GRPOConfig, GRPOTrainer

from sdzero_bench.core.errors import UserError
from sdzero_bench.methods.rft import RFT
from sdzero_bench.runs import registry
from sdzero_bench.training.foreign_trainers import without_generation
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.run import Checkpoint, Run

RATES: list[float] = []
"""Learning rates of the steps of the last run."""


class Watch(TrainerCallback):
    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        RATES.append(optimizer.param_groups[0]["lr"])


def rows_of(run: Run) -> list[list[int]]:
    return [run.prompt_ids(q) for q in run.questions]


class WithATrainer(RFT):
    """Trains on the prompts with a plain trainer of transformers."""

    name = "with-a-trainer"

    def phases(self, questions: int) -> list[Phase]:
        return [Phase("plain", "train_with")]

    def train(self, run: Run) -> Checkpoint:
        rows = Dataset.from_list([{"input_ids": ids, "labels": ids} for ids in rows_of(run)])

        def build(model: Any, arguments: Any, train_dataset: Any, processing_class: Any) -> Trainer:
            return Trainer(
                model=model,
                args=TrainingArguments(**arguments, train_sampling_strategy="sequential"),
                train_dataset=train_dataset,
                data_collator=DataCollatorForSeq2Seq(processing_class),
                callbacks=[Watch()],
            )

        return run.train_with("plain", run.base, rows, 20, build)


class Generating(WithATrainer):
    """Trains with TRL's own GRPOTrainer, which draws samples itself."""

    name = "generating"

    def train(self, run: Run) -> Checkpoint:
        rows = Dataset.from_list([{"prompt": list(run.task.prompt(q))} for q in run.questions])

        def build(model: Any, arguments: Any, train_dataset: Any, processing_class: Any) -> Trainer:
            config = GRPOConfig(**arguments, num_generations=4, max_completion_length=8)
            rewards: Any = lambda completions, **_: [float(i % 2) for i in range(len(completions))]  # noqa: E731
            return GRPOTrainer(model, rewards, config, train_dataset, processing_class=processing_class)

        return run.train_with("plain", run.base, rows, 20, build)


def test_a_plain_trainer_wastes_no_step_and_its_tokens_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 steps over 16 rows in batches of 8, of which one warms up."""
    monkeypatch.setitem(registry.methods(), "with-a-trainer", WithATrainer)
    RATES.clear()
    lengths: list[int] = []
    inner = WithATrainer.train

    def train(self: Any, run: Run) -> Checkpoint:
        lengths.extend(len(ids) for ids in rows_of(run))
        return inner(self, run)

    monkeypatch.setattr(WithATrainer, "train", train)
    result = run_json(small_run("with-a-trainer", tmp_path, "evaluation.revise=false", "optimizer.learning_rate=1e-3"))
    assert len(RATES) == 20
    assert RATES[0] == RATES[1] == max(RATES) == 1e-3  # the only step that warms up has all of the learning rate
    assert min(RATES) > 0
    use = result["ledger"]["plain"]
    assert (use["backward_tokens"], use["forward_tokens"], use["samples"]) == (10 * sum(lengths), 0, 0)
    done = finished(command("validate", str(tmp_path), "--json"))
    assert done.returncode == 0, done.stdout


def test_a_trainer_that_generates_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.methods(), "generating", Generating)
    done = finished(small_run("generating", tmp_path, "evaluation.revise=false"))
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("sdzero-bench: ")]
    assert len(said) == 1
    assert "plain: the trainer generates text itself, which is charged to no budget" in said[0]


def test_a_policy_generates_again_after_the_training(tokenizer: Any) -> None:
    model = tiny_model(tokenizer, 0)
    ids = torch.tensor([[20, 21]])
    before = model.generate(ids, max_new_tokens=3, do_sample=False)
    with pytest.raises(UserError, match="phase: the trainer generates text itself"), without_generation(model, "phase"):
        model.generate(ids, max_new_tokens=3, do_sample=False)
    assert torch.equal(model.generate(ids, max_new_tokens=3, do_sample=False), before)
