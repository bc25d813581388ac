"""Policy gradients on journaled rollouts: the losses are TRL's to the last bit, the advantages those of the formulas."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiny import attempt, prompt_ids, tiny_model
from transformers import Qwen3ForCausalLM
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from sdzero_bench.core.completion import SamplingParameters
from sdzero_bench.core.errors import UserError
from sdzero_bench.methods.grpo import GRPOOptions
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import Objective, PolicyGradientOptions
from sdzero_bench.training.policy_gradient import GRPO_LOSSES, policy_gradient_trainer

QUESTIONS = ["1 + 2", "What is 30 - 4 + 5?"]
GROUP = 4
COMPLETIONS = [[20, 21], [30, 31, 32, 33], [40], [50, 51, 52], [60, 61, 62, 63, 64], [70], [80, 81], [90, 91, 92]]
REWARDS = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
OBJECTIVES = [*GRPO_LOSSES, "rloo"]


def arguments(folder: Path, **more: Any) -> dict[str, Any]:
    """What a run would pass, for one step over both groups."""
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": len(COMPLETIONS),
        "learning_rate": 1e-3,
        "max_steps": 1,
        "bf16": False,
        "use_cpu": True,
        "report_to": "none",
        "gradient_checkpointing": False,
        **more,
    }


def saved(tokenizer: Any, folder: Path) -> Any:
    """A tiny policy that knows where it came from: a reference for the KL is loaded anew from there."""
    path = folder / "policy"
    if not path.is_dir():
        tiny_model(tokenizer, 0).save_pretrained(path)
    return Qwen3ForCausalLM.from_pretrained(path)


def dataset() -> Dataset:
    return Dataset.from_list([{"prompt": [{"role": "user", "content": q}], "question_id": q, "epoch": 0} for q in QUESTIONS])


def ended(tokenizer: Any) -> list[list[int]]:
    return [[*ids, tokenizer.eos_token_id] for ids in COMPLETIONS]


def ours(
    tokenizer: Any,
    folder: Path,
    model: Any,
    objective: Objective,
    kl_weight: float = 0.0,
    rewards: Sequence[float | None] = REWARDS,
    **more: Any,
) -> Any:
    def rollout(policy: Any, step: int, rows: list[dict[str, Any]]) -> list[Attempt]:
        assert [row["question_id"] for row in rows] == [q for q in QUESTIONS for _ in range(GROUP)]
        drawn = zip(rows, ended(tokenizer), rewards, strict=True)
        return [attempt(row["question_id"], ids, reward) for row, ids, reward in drawn]

    parts = {"train_dataset": dataset(), "processing_class": tokenizer, "rollout": rollout, "model": model}
    options = PolicyGradientOptions(group_size=GROUP, kl_weight=kl_weight)
    return policy_gradient_trainer(objective, options, SamplingParameters(1.0, 1.0, 64), arguments(folder, **more), **parts)


def trl_alone(tokenizer: Any, folder: Path, model: Any, objective: Objective, kl_weight: float) -> Any:
    """TRL's own trainer, which generates: its generation is replaced at the outermost point, by the same completions."""
    low, high = objective.clip
    shared = arguments(
        folder,
        num_generations=GROUP,
        num_iterations=objective.updates,
        epsilon=low,
        epsilon_high=high,
        beta=kl_weight,
        max_completion_length=64,
        temperature=1.0,
        shuffle_dataset=False,
    )
    rewards = dict(zip(map(str, COMPLETIONS), REWARDS, strict=True))

    def verified(completion_ids: list[list[int]], **_: Any) -> list[float]:
        return [rewards[str(ids[:-1])] for ids in completion_ids]

    parts = {"model": model, "reward_funcs": [verified], "train_dataset": dataset(), "processing_class": tokenizer}
    trainer: Any
    if objective.name == "rloo":
        trainer = RLOOTrainer(args=RLOOConfig(**shared), **parts)
        trainer._generate_single_turn = lambda *a, **k: ended(tokenizer)
    else:
        trainer = GRPOTrainer(args=GRPOConfig(**shared, **GRPO_LOSSES[objective.name]), **parts)
        trainer._generate_single_turn = lambda *a, **k: (ended(tokenizer), None)
    return trainer


def rows() -> list[dict[str, Any]]:
    return [row for row in dataset().to_list() for _ in range(GROUP)]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("kl_weight", [0.0, 0.1])
def test_loss_and_gradient_are_those_of_trl_on_the_same_batch(
    tokenizer: Any, tmp_path: Path, objective: Any, kl_weight: float
) -> None:
    results = []
    for make in (ours, trl_alone):
        model = saved(tokenizer, tmp_path)
        trainer = make(tokenizer, tmp_path, model, Objective(objective, updates=2, clip=(0.05, 0.1)), kl_weight)
        model.train()
        trainer.current_gradient_accumulation_steps = 1
        batch = trainer._generate_and_score_completions(rows())
        with torch.no_grad():  # away from the policy that sampled, so that ratios, clipping and KL are not trivial
            for i, parameter in enumerate(model.parameters()):
                parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(i))
        loss = trainer.compute_loss(model, batch)
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
        results.append((loss.detach(), gradient, batch["advantages"]))
    assert results[0][1].abs().max() > 1e-4
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_advantages_are_those_of_the_formulas(tokenizer: Any, tmp_path: Path, objective: Any) -> None:
    trainer = ours(tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective(objective))
    trainer.model.train()
    got = trainer._generate_and_score_completions(rows())["advantages"].numpy()
    r = np.array(REWARDS).reshape(-1, GROUP)
    centred = r - r.mean(axis=1, keepdims=True)
    expected = {
        "dr_grpo": centred,
        "rloo": r - (r.sum(axis=1, keepdims=True) - r) / (GROUP - 1),
    }.get(objective, centred / (r.std(axis=1, ddof=1, keepdims=True) + 1e-4))
    np.testing.assert_allclose(got, expected.ravel(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("objective", ["dapo", "rloo"])
def test_a_rollout_without_a_reward_has_no_advantage_and_no_part_in_the_baseline(
    tokenizer: Any, tmp_path: Path, objective: Any
) -> None:
    rewards = [None, *REWARDS[1:]]
    trainer = ours(tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective(objective), rewards=rewards)
    trainer.model.train()
    advantages = trainer._generate_and_score_completions(rows())["advantages"]
    assert advantages[0] == 0
    rest = np.array(REWARDS[1:GROUP])
    if objective == "dapo":
        expected = (rest - rest.mean()) / (rest.std(ddof=1) + 1e-4)
    else:
        expected = rest - (rest.sum() - rest) / (len(rest) - 1)
    np.testing.assert_allclose(advantages[1:GROUP].numpy(), expected, rtol=1e-5)
    assert trainer._metrics["train"]["unverified"] == [1]


@pytest.mark.parametrize("updates", [1, 2])
def test_each_batch_of_rollouts_is_used_as_often_as_said(tokenizer: Any, tmp_path: Path, updates: int) -> None:
    """Two steps: with one update a batch, both draw; with two, the second goes on with the rollouts of the first."""
    objective = Objective("dapo", updates)
    trainer = ours(tokenizer, tmp_path, saved(tokenizer, tmp_path), objective, max_steps=2, logging_steps=1, save_strategy="no")
    inner, steps = trainer.rollout, []

    def watch(policy: Any, step: int, rows: list[dict[str, Any]]) -> Sequence[Attempt]:
        steps.append(step)
        return inner(policy, step, rows)

    trainer.rollout = watch
    before = copy.deepcopy(trainer.model.state_dict())
    trainer.train()
    assert steps == ([0, 1] if updates == 1 else [0])
    assert any(not torch.equal(before[k], v) for k, v in trainer.model.state_dict().items())


def test_tokens_are_counted_for_the_ledger(tokenizer: Any, tmp_path: Path) -> None:
    """Every token goes forward and backward once an update, and once more forward for a reference or an old policy."""
    tokens = sum(GROUP * len(prompt_ids(tokenizer, q)) for q in QUESTIONS) + sum(map(len, ended(tokenizer)))
    for kl_weight, updates, passes in ((0.0, 1, 0), (0.1, 1, 1), (0.0, 3, 1)):  # several updates need the old policy too
        trainer = ours(tokenizer, tmp_path, saved(tokenizer, tmp_path), Objective("dapo", updates), kl_weight)
        trainer.model.train()
        trainer._generate_and_score_completions(rows())
        assert trainer._metrics["train"]["backward_tokens"] == [tokens * updates]
        assert trainer._metrics["train"]["forward_tokens"] == [tokens * passes]


def test_a_truncated_distribution_is_refused() -> None:
    with pytest.raises(UserError, match=r"set sampling\.top_p=1"):
        policy_gradient_trainer(Objective("dapo"), PolicyGradientOptions(), SamplingParameters(1.0, 0.9, 64), {})


def test_clip_ranges_are_the_objectives_own_unless_they_are_given() -> None:
    assert GRPOOptions().objective() == Objective("dapo", clip=(0.2, 0.28))
    assert GRPOOptions(loss="gspo").objective().clip == (3e-4, 4e-4)
    assert GRPOOptions(loss="grpo", clip_high=0.3).objective().clip == (0.2, 0.3)
    assert GRPOOptions(clip_low=0.1, updates=2).objective() == Objective("dapo", 2, (0.1, 0.28))


@pytest.mark.parametrize(("clip_low", "kept"), [(0.5, True), (1e-6, False)])
def test_a_ratio_below_one_minus_clip_low_has_no_gradient(tokenizer: Any, tmp_path: Path, clip_low: float, kept: bool) -> None:
    """min(w A, clip(w) A) with A < 0 is constant once w < 1 - clip_low. Here the policy has made every token less likely."""
    objective = GRPOOptions(loss="grpo", updates=2, clip_low=clip_low).objective()
    model = saved(tokenizer, tmp_path)
    trainer = ours(tokenizer, tmp_path, model, objective)
    model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions(rows())
    batch["old_per_token_logps"] = batch["old_per_token_logps"] + 0.1  # w = exp(-0.1) for each token
    batch["advantages"] = -torch.ones_like(batch["advantages"])
    trainer.compute_loss(model, batch).backward()
    gradient = max(float(p.grad.abs().max()) for p in model.parameters())
    assert (gradient > 1e-4) == kept
    assert (gradient == 0) != kept
