"""Every optimizer step counts: its learning rate, the precision of its passes, and what happens when it cannot train."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from test_policy_gradient import OBJECTIVES, saved
from test_policy_gradient import ours as policy_gradient
from test_self_distillation import make_trainer, second_copy
from tiny import tiny_model

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import OptimizerConfig
from sdzero_bench.training.arguments import require_optimizer, trainer_arguments
from sdzero_bench.training.callbacks import StepLog, read_steps
from sdzero_bench.training.options import Objective
from sdzero_bench.training.sharding import fingerprint
from sdzero_bench.training.steps import learning_rate_factor
from sdzero_bench.training.supervised import Example, supervised_trainer


def factors(steps: int, schedule: str, ratio: float = 0.05) -> list[float]:
    return [learning_rate_factor(step, steps, ratio, schedule) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant_with_warmup"])
@pytest.mark.parametrize("steps", [1, 2, 3, 9, 10, 19, 20, 40, 93, 1000])
def test_no_step_is_wasted(steps: int, schedule: str) -> None:
    for ratio in (0.0, 0.05, 0.1):
        found = factors(steps, schedule, ratio)
        assert min(found) > 0
        assert max(found) == 1
        warmup = found.index(1)
        assert warmup <= 0.1 * steps
        assert found[: warmup + 1] == pytest.approx([(i + 1) / (warmup + 1) for i in range(warmup + 1)])
        assert found[warmup:] == sorted(found[warmup:], reverse=True)


def test_after_the_warm_up_the_schedule_is_that_of_transformers() -> None:
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler("cosine", optimizer, num_warmup_steps=5, num_training_steps=100)
    for step in range(100):
        if step > 5:
            assert learning_rate_factor(step, 100, 0.05, "cosine") == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def fine_tuned(tokenizer: Any, folder: Path, steps: int, **more: Any) -> tuple[Any, Any]:
    """The model before and after `steps` steps with the settings of a run."""
    model = tiny_model(tokenizer, 0)
    before = copy.deepcopy(model)
    arguments = {"output_dir": str(folder), "per_device_train_batch_size": 1, "use_cpu": True, "report_to": "none"}
    arguments |= {
        "save_strategy": "no",
        "disable_tqdm": True,
        "learning_rate": 1e-3,
        "warmup_steps": 0.05,
        "bf16": False,
        **more,
    }
    supervised_trainer(model, tokenizer, [Example((20, 21), (30, 31))], [0] * steps, arguments).train()
    return before, model


@pytest.mark.parametrize("steps", [1, 2])
def test_a_phase_of_one_step_trains(steps: int, tokenizer: Any, tmp_path: Path) -> None:
    before, after = fine_tuned(tokenizer, tmp_path, steps)
    moved = max(float((a - b).abs().max()) for a, b in zip(after.parameters(), before.parameters(), strict=True))
    assert moved > 5e-4  # AdamW's first step is as long as the learning rate
    assert fingerprint(before) != fingerprint(after)


def moved_weights(tokenizer: Any, folder: Path, optimizer: OptimizerConfig, dtype: torch.dtype) -> float:
    """Share of the weights that ten steps at the paper's learning rate change."""
    shared = trainer_arguments(optimizer, 1, folder, 0, dtype == torch.bfloat16, True, learning_rate=None)
    model = tiny_model(tokenizer, 0).to(dtype)
    before = copy.deepcopy(model)
    rows = [Example((20, 21), (30, 31))]
    trainer = supervised_trainer(model, tokenizer, rows, [0] * 10, {**shared, "report_to": "none", "save_strategy": "no"})
    trainer.train()
    pairs = zip(model.parameters(), before.parameters(), strict=True)
    return float(torch.cat([(a != b).flatten() for a, b in pairs]).float().mean())


def test_8_bit_moments_train_like_whole_ones_and_weights_in_bf16_lose_small_updates(tokenizer: Any, tmp_path: Path) -> None:
    plain, eight = (OptimizerConfig.model_validate({"name": name, "batch_size": 1}) for name in ("adamw", "adamw_8bit"))
    master = moved_weights(tokenizer, tmp_path, plain, torch.float32)
    assert moved_weights(tokenizer, tmp_path, eight, torch.float32) == pytest.approx(master, abs=0.05)
    assert moved_weights(tokenizer, tmp_path, plain, torch.bfloat16) < 0.1 * master


def test_8_bit_moments_need_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    require_optimizer(OptimizerConfig(name="adamw_8bit"))
    monkeypatch.setattr("sdzero_bench.training.arguments.find_spec", lambda name: None)
    require_optimizer(OptimizerConfig())
    with pytest.raises(UserError, match=r"pip install 'sdzero-bench\[memory\]'"):
        require_optimizer(OptimizerConfig(name="adamw_8bit"))


def linear_dtypes(model: Any, seen: list[tuple[torch.dtype, torch.dtype]]) -> None:
    """Note the dtype of the weights and of the result of every linear layer of the backbone, in each pass."""
    for module in model.base_model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda m, _, out: seen.append((m.weight.dtype, out.dtype)))


def test_distillation_in_bf16_runs_student_and_teacher_in_bf16_and_the_divergence_in_float32(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = tiny_model(tokenizer, 0), tiny_model(tokenizer, 1)
    of_student: list[Any] = []
    of_teacher: list[Any] = []
    linear_dtypes(student, of_student)
    linear_dtypes(teacher, of_teacher)
    trainer = make_trainer(tokenizer, tmp_path, student, teacher, lambda q, ids: second_copy(tokenizer, q, ids), bf16=True)
    compared: list[Any] = []
    ours = trainer.compare
    monkeypatch.setattr(trainer, "compare", lambda *a: compared.append(ours(*a)) or compared[-1])
    trainer.train()
    assert set(of_student) == set(of_teacher) == {(torch.float32, torch.bfloat16)}
    assert {found.divergence.dtype for found in compared} == {found.entropy.dtype for found in compared} == {torch.float32}
    assert {p.dtype for p in student.parameters()} == {torch.float32}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_policy_gradients_in_bf16_run_the_policy_in_bf16(objective: Any, tokenizer: Any, tmp_path: Path) -> None:
    model = saved(tokenizer, tmp_path)
    seen: list[Any] = []
    linear_dtypes(model, seen)
    policy_gradient(tokenizer, tmp_path, model, Objective(objective), bf16=True).train()
    assert set(seen) == {(torch.float32, torch.bfloat16)}


def test_fine_tuning_in_bf16_runs_the_policy_in_bf16(tokenizer: Any, tmp_path: Path) -> None:
    model = tiny_model(tokenizer, 0)
    seen: list[Any] = []
    linear_dtypes(model, seen)
    arguments = {
        "output_dir": str(tmp_path),
        "per_device_train_batch_size": 1,
        "use_cpu": True,
        "report_to": "none",
        "bf16": True,
    }
    supervised_trainer(model, tokenizer, [Example((20, 21), (30, 31))], [0], arguments).train()
    assert set(seen) == {(torch.float32, torch.bfloat16)}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_batch_without_a_verdict_is_logged_without_a_reward(objective: Any, tokenizer: Any, tmp_path: Path) -> None:
    log = StepLog(tmp_path / "steps.jsonl")
    trainer = policy_gradient(
        tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective(objective), rewards=[None] * 8, logging_steps=1
    )
    trainer.add_callback(log)
    before = fingerprint(trainer.model)
    trainer.train()
    (step,) = read_steps(log.path)
    assert "reward" not in step
    assert step["unverified"] == step["rollouts"] == 8
    assert math.isfinite(step["loss"])
    assert all(map(math.isfinite, fingerprint(trainer.model)))
    assert len(fingerprint(trainer.model)) == len(before)


def test_a_value_that_is_none_is_left_out_of_the_log(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "steps.jsonl")
    state: Any = SimpleNamespace(global_step=3)
    log.on_log(None, state, None, {"loss": 0.5, "rewards/verifier/mean": None})  # type: ignore[arg-type]
    assert json.loads(log.path.read_text()) == {"step": 3, "loss": 0.5}
