"""DPO and KTO: loss and gradient are those of TRL on the same text, and those of the papers in float64."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from test_policy_gradient import arguments
from tiny import tiny_model
from torch import Tensor
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from sdzero_bench.core.errors import UserError
from sdzero_bench.runs.config import resolve
from sdzero_bench.training.callbacks import StepLog, quieten, read_steps
from sdzero_bench.training.foreign_trainers import CountTokens
from sdzero_bench.training.options import PreferenceOptions
from sdzero_bench.training.preference import preference_rows, preference_trainer
from sdzero_bench.training.preference_data import Judged, PreferencePair, order_of_preference

QUESTIONS = ["1 + 2", "What is 30 - 4 + 5?", "7 + 8 - 9", "1 + 1"]
RIGHT = ["3", "it is 30 - 4 + 5 = 31", "so 15 - 9 = 6", "2"]
WRONG = ["it is 4", "32", "7", "1 + 1 = 3 of course"]
LABELS = [True, False, False, True]


def asked(tokenizer: Any, question: str) -> str:
    chat = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))


def ids(tokenizer: Any, text: str, end: bool = False) -> tuple[int, ...]:
    return (*tokenizer.encode(text, add_special_tokens=False), *([tokenizer.eos_token_id] if end else []))


def pairs(tokenizer: Any) -> list[PreferencePair]:
    return [
        PreferencePair(ids(tokenizer, asked(tokenizer, q)), ids(tokenizer, right, True), ids(tokenizer, wrong, True))
        for q, right, wrong in zip(QUESTIONS, RIGHT, WRONG, strict=True)
    ]


def judged(tokenizer: Any) -> list[Judged]:
    texts = [(RIGHT if right else WRONG)[i] for i, right in enumerate(LABELS)]
    return [
        Judged(ids(tokenizer, asked(tokenizer, q)), ids(tokenizer, text, True), right)
        for q, text, right in zip(QUESTIONS, texts, LABELS, strict=True)
    ]


def ours(tokenizer: Any, folder: Path, rows: Any, options: PreferenceOptions, size: int = 4, **more: Any) -> Any:
    settings = {**arguments(folder), "per_device_train_batch_size": size, "save_strategy": "no", **more}
    parts = {"train_dataset": preference_rows(rows, range(len(rows))), "processing_class": tokenizer}
    return preference_trainer(options, model=tiny_model(tokenizer, 0), arguments=settings, **parts)


def moved(model: Any, seed: int) -> None:
    """Away from the reference policy."""
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(100 * seed + i))


def loss_and_gradient(trainer: Any, seed: int) -> tuple[Tensor, Tensor]:
    """Of one batch, of a policy away from its reference."""
    model = trainer.model
    model.train()
    moved(model, seed)
    trainer.current_gradient_accumulation_steps = 1
    (batch,) = trainer.get_train_dataloader()
    loss = trainer.compute_loss(model, batch)
    model.zero_grad()
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in model.parameters()])


def taken(model: Any, prompt: Sequence[int], completion: Sequence[int]) -> Tensor:
    """Log-probabilities of the completion's tokens."""
    log_p = model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    return log_p.gather(-1, torch.tensor(completion).unsqueeze(-1)).squeeze(-1)


class Exact:
    """The policy and its reference in float64."""

    def __init__(self, tokenizer: Any, seed: int) -> None:
        model = tiny_model(tokenizer, 0)
        self.reference = copy.deepcopy(model).double()
        moved(model, seed)
        self.policy = model.double()

    def ratio(self, prompt: Sequence[int], completion: Sequence[int]) -> Tensor:
        """log pi(y | x) / reference(y | x)"""
        return taken(self.policy, prompt, completion).sum() - taken(self.reference, prompt, completion).sum().detach()

    def gradient(self, loss: Tensor) -> Tensor:
        loss.backward()
        return torch.cat([p.grad.flatten() for p in self.policy.parameters()])


def close(got: tuple[Tensor, Tensor], loss: Tensor, gradient: Tensor) -> None:
    assert gradient.abs().max() > 1e-3
    torch.testing.assert_close(got[0].double(), loss.detach().double(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(got[1].double(), gradient.double(), rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_dpo_is_that_of_trl_on_the_same_text(weight: float, tokenizer: Any, tmp_path: Path) -> None:
    got = loss_and_gradient(ours(tokenizer, tmp_path, pairs(tokenizer), PreferenceOptions(beta=0.3, nll_weight=weight)), 1)
    texts = [
        {"prompt": asked(tokenizer, q), "chosen": right, "rejected": wrong}
        for q, right, wrong in zip(QUESTIONS, RIGHT, WRONG, strict=True)
    ]
    model = tiny_model(tokenizer, 0)
    settings: dict[str, Any] = {**arguments(tmp_path), "per_device_train_batch_size": 4, "beta": 0.3, "max_length": None}
    settings["train_sampling_strategy"] = "sequential"
    losses: dict[str, Any] = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, weight]} if weight else {}
    theirs = DPOTrainer(
        model=model,
        ref_model=copy.deepcopy(model),
        args=DPOConfig(**settings, **losses),
        train_dataset=Dataset.from_list(texts),
        processing_class=tokenizer,
    )
    close(got, *loss_and_gradient(theirs, 1))


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_dpo_is_that_of_the_papers(weight: float, tokenizer: Any, tmp_path: Path) -> None:
    """-log sigmoid(beta (ratio of the chosen - ratio of the rejected)), and the chosen tokens' mean of -log pi."""
    rows = pairs(tokenizer)
    got = loss_and_gradient(ours(tokenizer, tmp_path, rows, PreferenceOptions(beta=0.3, nll_weight=weight)), 1)
    exact = Exact(tokenizer, 1)
    margins = [exact.ratio(r.prompt, r.chosen) - exact.ratio(r.prompt, r.rejected) for r in rows]
    loss = torch.stack([(1 + (-0.3 * margin).exp()).log() for margin in margins]).mean()
    loss = loss - weight * torch.cat([taken(exact.policy, r.prompt, r.chosen) for r in rows]).mean()
    close(got, loss, exact.gradient(loss))


def test_one_pair_at_a_time_the_second_term_is_the_papers_own(tokenizer: Any, tmp_path: Path) -> None:
    """-log pi(w | x) / |w| of each pair, as accumulated over micro-batches of one pair."""
    rows = pairs(tokenizer)
    settings = {"gradient_accumulation_steps": 4, "learning_rate": 1e-3, "logging_steps": 1}
    trainer = ours(tokenizer, tmp_path, rows, PreferenceOptions(beta=0.3, nll_weight=0.7), size=1, **settings)
    exact = Exact(tokenizer, 1)
    start = exact.reference
    want = (
        sum(0.7 * float(-taken(start, r.prompt, r.chosen).mean().detach()) + float(torch.tensor(2.0).log()) for r in rows) / 4
    )
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_kto_is_that_of_trl_on_the_same_text_and_that_of_the_paper(seed: int, tokenizer: Any, tmp_path: Path) -> None:
    rows = [*judged(tokenizer), Judged(*[getattr(pairs(tokenizer)[3], k) for k in ("prompt", "rejected")], False)]
    options = PreferenceOptions(beta=0.4)
    got = loss_and_gradient(ours(tokenizer, tmp_path, rows, options, size=5), seed)

    model = tiny_model(tokenizer, 0)
    texts = [(RIGHT if right else WRONG)[i] for i, right in enumerate(LABELS)]
    dataset = [
        {"prompt": asked(tokenizer, q), "completion": text, "label": right}
        for q, text, right in zip([*QUESTIONS, QUESTIONS[3]], [*texts, WRONG[3]], [*LABELS, False], strict=True)
    ]
    settings: dict[str, Any] = {**arguments(tmp_path), "per_device_train_batch_size": 5, "beta": 0.4, "max_length": None}
    theirs = KTOTrainer(
        model=model,
        ref_model=copy.deepcopy(model),
        args=KTOConfig(**settings, desirable_weight=1.5, train_sampling_strategy="sequential"),
        train_dataset=Dataset.from_list(dataset),
        processing_class=tokenizer,
    )
    close(got, *loss_and_gradient(theirs, seed))

    exact = Exact(tokenizer, seed)
    others = [exact.ratio(r.prompt, rows[i - 1].completion) for i, r in enumerate(rows)]
    z = max(0.0, float(sum(others)) / len(rows))
    parts = []
    for row in rows:
        ratio = exact.ratio(row.prompt, row.completion)
        parts.append(1.5 * (1 - (0.4 * (ratio - z)).sigmoid()) if row.right else 1 - (0.4 * (z - ratio)).sigmoid())
    loss = torch.stack(parts).mean()
    close(got, loss, exact.gradient(loss))


@pytest.mark.parametrize(("right", "wrong"), [(1, 1), (3, 9), (9, 3), (5, 0), (0, 5)])
def test_both_kinds_of_kto_weigh_alike(right: int, wrong: int, tokenizer: Any, tmp_path: Path) -> None:
    row = judged(tokenizer)[0]
    rows = [Judged(row.prompt, row.completion, i < right) for i in range(right + wrong)]
    args = ours(tokenizer, tmp_path, rows, PreferenceOptions()).args
    assert min(args.desirable_weight, args.undesirable_weight) == 1
    if right and wrong:
        assert args.desirable_weight * right == pytest.approx(args.undesirable_weight * wrong)


def test_the_kl_of_kto_is_estimated_within_each_micro_batch(tokenizer: Any, tmp_path: Path) -> None:
    rows = [*judged(tokenizer), *judged(tokenizer)[:3]]
    dataset = ours(tokenizer, tmp_path, rows, PreferenceOptions(), size=3).train_dataset
    own = [list(row.completion) for row in rows]
    assert list(dataset["KL_completion_ids"]) == [own[i] for i in (2, 0, 1, 5, 3, 4, 6)]


@pytest.mark.parametrize(("batch", "expected"), [(6, (2, 3)), (9, (3, 3)), (5, (5, 1)), (1, None)])
def test_kto_has_micro_batches_of_two_rows_where_one_is_set(
    batch: int, expected: tuple[int, int] | None, tokenizer: Any, tmp_path: Path
) -> None:
    """As in the presets for large models: the KL could not be estimated, and TRL refuses."""
    rows = [judged(tokenizer)[i % 4] for i in range(batch)]
    settings = {"size": 1, "gradient_accumulation_steps": batch}
    if expected is None:
        with pytest.raises(UserError, match=r"raise optimizer\.batch_size"):
            ours(tokenizer, tmp_path, rows, PreferenceOptions(), **settings)
    else:
        args = ours(tokenizer, tmp_path, rows, PreferenceOptions(), **settings).args
        assert (args.per_device_train_batch_size, args.gradient_accumulation_steps) == expected


@pytest.mark.parametrize("kind", ["pairs", "judged"])
def test_tokens_of_every_pass_are_counted(kind: str, tokenizer: Any, tmp_path: Path) -> None:
    """DPO: two sequences a pair, with a gradient, and before the first step by the reference. KTO: a sequence with a gradient,
    and one with another's completion without; before the first step, both of these by the reference."""
    rng = random.Random(0)
    rows: Any = [rng.choice((pairs if kind == "pairs" else judged)(tokenizer)) for _ in range(12)]
    model = tiny_model(tokenizer, 0)
    counting = CountTokens(model)
    settings = {**arguments(tmp_path), "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 3}
    parts = {"train_dataset": preference_rows(rows, range(12)), "processing_class": tokenizer}
    options = PreferenceOptions(nll_weight=0.5)
    trainer: Any = preference_trainer(
        options, model=model, arguments={**settings, "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True}, **parts
    )
    quieten(trainer, counting, StepLog(tmp_path / "log.jsonl"))
    trainer.train()

    if kind == "pairs":
        own = [2 * len(r.prompt) + len(r.chosen) + len(r.rejected) for r in rows]
        others = [0] * 12
    else:
        own = [len(r.prompt) + len(r.completion) for r in rows]
        others = [len(r.prompt) + len(rows[i + 1 if i % 2 == 0 else i - 1].completion) for i, r in enumerate(rows)]
    logged = read_steps(tmp_path / "log.jsonl")
    steps = [range(0, 4), range(4, 8), range(8, 12)]
    assert [row["backward_tokens"] for row in logged] == [sum(own[i] for i in step) for step in steps]
    forward = [sum(others[i] for i in step) for step in steps]
    assert [row["forward_tokens"] for row in logged] == [forward[0] + sum(own) + sum(others), *forward[1:]]
    assert sum(row["backward_tokens"] for row in logged) == sum(row.tokens for row in rows)
    # What is held against the budget before the first step.
    every = sum(row["backward_tokens"] + row["forward_tokens"] for row in logged)
    assert every == sum(row.tokens * row.passes for row in rows)


def test_rows_are_trained_on_in_full_batches_once_an_epoch(tokenizer: Any) -> None:
    config = resolve("dpo", assignments=["optimizer.batch_size=4"])
    rows = [judged(tokenizer)[i % 4] for i in range(10)]
    order = order_of_preference("kto", rows, 1, config)
    assert len(order) == len(set(order)) == 8
    assert len(order_of_preference("kto", rows, 3, config)) == 28
    assert len(order_of_preference("kto", rows[:3], 1, config)) == 3
    with pytest.raises(UserError, match="kto: no question has a correct and an incorrect sample"):
        order_of_preference("kto", [], 1, config)
