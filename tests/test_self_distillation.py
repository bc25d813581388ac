"""The distillation loss, against brute force in float64; what the teacher reads, token by token; whose policy samples."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import Qwen3Config, Qwen3ForCausalLM
from trl import DistillationConfig

from sdzero_bench.training.options import DivergenceOptions, TeacherOptions
from sdzero_bench.training.self_distillation import OnPolicy, SelfDistillationTrainer, cut_to_fit

PHRASE = [70, 71, 72]
QUESTIONS = ["1 + 2", "What is 30 - 4 + 5?", "7 + 8 - 9", "A much longer question, so that there is padding: 1 + 1"]


def tiny_model(tokenizer: Any, seed: int) -> Any:
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
        initializer_range=0.3,  # far from uniform, so that the divergence is not near zero
    )
    return Qwen3ForCausalLM(config)


def prompt_ids(tokenizer: Any, text: str) -> list[int]:
    chat = [{"role": "user", "content": text}]
    return tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)


def completions(tokenizer: Any) -> list[list[int]]:
    """Of several lengths; the last has no end token, as if truncated."""
    end = tokenizer.eos_token_id
    return [[20, 21, end], [30, 31, 32, 33, 34, 35, end], [40, end], [50, 51, 52, 53, 54]]


def second_copy(tokenizer: Any, question: str, completion: Sequence[int]) -> list[int]:
    """SD-Zero's teacher context, written out by hand: x, y without its end token, P_r."""
    body = [t for t in completion if t != tokenizer.eos_token_id]
    return prompt_ids(tokenizer, question) + body + PHRASE


def make_trainer(
    tokenizer: Any,
    folder: Path,
    student: Any,
    teacher: Any,
    context: Callable[[str, Sequence[int]], Sequence[int]],
    divergence: DivergenceOptions | None = None,
    **settings: Any,
) -> SelfDistillationTrainer:
    drawn = dict(zip(QUESTIONS, completions(tokenizer), strict=True))

    def rollout(model: Any, step: int, rows: list[dict[str, Any]]) -> list[OnPolicy]:
        asked = [row["question_id"] for row in rows]
        return [OnPolicy(drawn[q], 1.0, lambda ids, q=q: context(q, ids)) for q in asked]

    arguments = {"per_device_train_batch_size": 4, "max_steps": 1, "learning_rate": 1e-3, **settings}
    return SelfDistillationTrainer(
        model=student,
        teacher_model=teacher,
        args=DistillationConfig(
            output_dir=str(folder), bf16=False, use_cpu=True, report_to="none", gradient_checkpointing=False, **arguments
        ),
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": q}], "question_id": q} for q in QUESTIONS]),
        processing_class=tokenizer,
        rollout=rollout,
        divergence=divergence or DivergenceOptions(),
        teacher=TeacherOptions(),
        max_teacher_tokens=256,
    )


def rows(trainer: SelfDistillationTrainer) -> list[dict[str, Any]]:
    return [trainer.train_dataset[i] for i in range(len(QUESTIONS))]


def brute_force(tokenizer: Any, student: Any, teacher: Any, options: DivergenceOptions) -> torch.Tensor:
    """The mean over all completion tokens, one unpadded sequence at a time, in float64, by the definition."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for question, completion in zip(QUESTIONS, completions(tokenizer), strict=True):
        n = len(completion)
        seen_by_student = prompt_ids(tokenizer, question) + completion
        seen_by_teacher = second_copy(tokenizer, question, completion) + completion
        log_p = student(torch.tensor([seen_by_student])).logits[0, -n - 1 : -1].log_softmax(-1)
        with torch.no_grad():
            log_q = teacher(torch.tensor([seen_by_teacher])).logits[0, -n - 1 : -1].log_softmax(-1)
        if options.top_k is not None:
            tokens = log_q.topk(options.top_k, dim=-1).indices
            log_p, log_q = (x.gather(-1, tokens).log_softmax(-1) for x in (log_p, log_q))
        reverse = (log_p.exp() * (log_p - log_q)).sum()
        forward = (log_q.exp() * (log_q - log_p)).sum()
        weight = {"reverse": 0.0, "forward": 1.0, "mixed": options.forward_weight}[options.kind]
        total = total + weight * forward + (1 - weight) * reverse
        count += n
    return total / count


@pytest.mark.parametrize(
    "options",
    [
        DivergenceOptions(),
        DivergenceOptions(kind="forward"),
        DivergenceOptions(kind="mixed", forward_weight=0.3),
        DivergenceOptions(top_k=5),
        DivergenceOptions(kind="mixed", top_k=64),
    ],
    ids=lambda o: f"{o.kind}-{o.top_k}",
)
def test_loss_and_gradient_equal_brute_force_in_float64(tokenizer: Any, tmp_path: Path, options: DivergenceOptions) -> None:
    student, teacher = tiny_model(tokenizer, 0), tiny_model(tokenizer, 1)
    exact_student, exact_teacher = copy.deepcopy(student).double(), copy.deepcopy(teacher).double()
    expected = brute_force(tokenizer, exact_student, exact_teacher, options)
    expected.backward()

    trainer = make_trainer(tokenizer, tmp_path, student, teacher, lambda q, ids: second_copy(tokenizer, q, ids), options)
    student.train()
    batch = trainer._generate_and_score_completions(rows(trainer))
    assert (batch["prompt_mask"] == 0).any()
    assert (batch["completion_mask"] == 0).any()
    loss = trainer.compute_loss(student, batch)
    loss.backward()

    assert expected.item() > 0.1
    torch.testing.assert_close(loss.double(), expected.detach(), rtol=1e-4, atol=1e-6)
    for (name, got), want in zip(student.named_parameters(), exact_student.parameters(), strict=True):
        torch.testing.assert_close(got.grad.double(), want.grad, rtol=2e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")


def test_loss_is_zero_where_teacher_and_student_are_the_same(tokenizer: Any, tmp_path: Path) -> None:
    """The same weights and the same context; with the same weights alone it is not zero."""
    student = tiny_model(tokenizer, 0)
    losses = {}
    for name, context in {
        "same": lambda q, ids: prompt_ids(tokenizer, q),
        "other": lambda q, ids: second_copy(tokenizer, q, ids),
    }.items():
        trainer = make_trainer(tokenizer, tmp_path, student, copy.deepcopy(student), context)
        losses[name] = trainer.compute_loss(student, trainer._generate_and_score_completions(rows(trainer))).item()
    assert abs(losses["same"]) < 1e-6
    assert losses["other"] > 0.1


def test_the_teacher_reads_x_y_phrase_and_is_compared_on_the_second_y(tokenizer: Any, tmp_path: Path) -> None:
    student = tiny_model(tokenizer, 0)
    trainer = make_trainer(tokenizer, tmp_path, student, student, lambda q, ids: second_copy(tokenizer, q, ids))
    batch = trainer._generate_and_score_completions(rows(trainer))
    for i, (question, completion) in enumerate(zip(QUESTIONS, completions(tokenizer), strict=True)):
        before = batch["teacher_ids"][i][batch["teacher_mask"][i] == 1].tolist()
        compared = batch["completion_ids"][i][batch["completion_mask"][i] == 1].tolist()
        body = [t for t in completion if t != tokenizer.eos_token_id]
        assert before == prompt_ids(tokenizer, question) + body + PHRASE
        assert compared == completion  # the end token is in it once, where there is one
    total = sum(map(len, completions(tokenizer)))
    assert batch["num_items_in_batch"].item() == total == batch["completion_mask"].sum().item()


def test_a_rollout_without_a_reward_is_left_out_of_the_loss(tokenizer: Any, tmp_path: Path) -> None:
    student = tiny_model(tokenizer, 0)
    trainer = make_trainer(tokenizer, tmp_path, student, tiny_model(tokenizer, 1), lambda q, i: second_copy(tokenizer, q, i))
    inner = trainer.rollout

    def one_failed(model: Any, step: int, rows: list[dict[str, Any]]) -> list[OnPolicy]:
        drawn = list(inner(model, step, rows))
        drawn[1] = OnPolicy(drawn[1].completion, None, None)
        return drawn

    trainer.rollout = one_failed
    batch = trainer._generate_and_score_completions(rows(trainer))
    assert batch["completion_mask"][1].sum() == 0
    assert batch["num_items_in_batch"].item() == sum(len(c) for i, c in enumerate(completions(tokenizer)) if i != 1)
    assert torch.isfinite(trainer.compute_loss(student, batch))


def test_over_long_teacher_inputs_are_cut_for_both_sides() -> None:
    """|x| + 2|y| + |P_r| must not exceed the limit, and no more is cut than that takes."""
    prefix, phrase = 10, 3
    for length in range(1, 40):
        for limit in range(16, 70):
            rollout = OnPolicy(list(range(length)), 1.0, lambda ids: [0] * prefix + list(ids) + [0] * phrase)
            kept = cut_to_fit(rollout, 1000, limit)
            assert kept == list(range(min(length, (limit - prefix - phrase) // 2)))


def test_cut_responses_are_counted_and_end_without_an_end_token(tokenizer: Any, tmp_path: Path) -> None:
    """The second question's response is cut to what its prompt, the phrase and two copies of it may take."""
    student = tiny_model(tokenizer, 0)
    trainer = make_trainer(tokenizer, tmp_path, student, student, lambda q, ids: second_copy(tokenizer, q, ids))
    question, completion = QUESTIONS[1], completions(tokenizer)[1]
    trainer.max_teacher_tokens = len(prompt_ids(tokenizer, question)) + len(PHRASE) + 2 * 4
    student.train()
    batch = trainer._generate_and_score_completions(rows(trainer)[:2])
    kept = batch["completion_ids"][1][batch["completion_mask"][1] == 1].tolist()
    assert kept == completion[:4]
    before = batch["teacher_ids"][1][batch["teacher_mask"][1] == 1].tolist()
    assert before == prompt_ids(tokenizer, question) + completion[:4] + PHRASE
    assert trainer._metrics["train"]["cut"] == [1]


@pytest.mark.parametrize(
    ("options", "synchronised"),
    [
        (TeacherOptions(), []),
        (TeacherOptions(weights="sync_every", every=2), [2, 4]),
        (TeacherOptions(weights="sync_on_plateau", patience=2), [5]),
        (TeacherOptions(weights="ema", decay=0.9), []),
    ],
    ids=lambda o: getattr(o, "weights", ""),
)
def test_teacher_weights(tokenizer: Any, tmp_path: Path, options: TeacherOptions, synchronised: list[int]) -> None:
    """Frozen stays, sync copies at its steps, a plateau of constant rewards is found, ema follows its formula."""
    student, teacher = tiny_model(tokenizer, 0), tiny_model(tokenizer, 0)
    settings = {"max_steps": 5, "logging_steps": 1, "save_strategy": "no"}
    trainer = make_trainer(tokenizer, tmp_path, student, teacher, lambda q, ids: second_copy(tokenizer, q, ids), **settings)
    trainer.teacher_weights.options = options
    inner, history = trainer.rollout, []

    def watch(model: Any, step: int, rows: list[dict[str, Any]]) -> Sequence[OnPolicy]:
        history.append([p.detach().clone() for p in model.parameters()])
        return inner(model, step, rows)

    trainer.rollout = watch
    trainer.train()
    history.append([p.detach().clone() for p in student.parameters()])
    assert trainer.teacher_weights.synchronised == synchronised
    expected = history[0]
    for step in range(1, 6):
        if options.weights == "ema":
            expected = [0.9 * e + 0.1 * h for e, h in zip(expected, history[step], strict=True)]
        elif step in synchronised:
            expected = history[step]
    for got, want in zip(teacher.parameters(), expected, strict=True):
        torch.testing.assert_close(got.detach(), want, rtol=1e-5, atol=1e-6)


def test_the_policy_that_samples_at_step_n_is_the_policy_of_step_n(tokenizer: Any, tmp_path: Path) -> None:
    """The weights handed to the sampler at step n are those that n optimiser steps have made, and no older ones."""
    student = tiny_model(tokenizer, 0)
    trainer = make_trainer(
        tokenizer,
        tmp_path,
        student,
        tiny_model(tokenizer, 1),
        lambda q, ids: second_copy(tokenizer, q, ids),
        max_steps=3,
        save_strategy="steps",
        save_steps=1,
        save_total_limit=5,
    )
    inner, seen = trainer.rollout, {}

    def watch(model: Any, step: int, rows: list[dict[str, Any]]) -> Sequence[OnPolicy]:
        seen[step] = {k: v.clone() for k, v in model.state_dict().items()}
        return inner(model, step, rows)

    trainer.rollout = watch
    trainer.train()
    assert sorted(seen) == [0, 1, 2]
    assert not torch.equal(seen[0]["model.norm.weight"], seen[1]["model.norm.weight"])
    for step in (1, 2):
        saved = Qwen3ForCausalLM.from_pretrained(tmp_path / f"checkpoint-{step}").state_dict()
        for name, value in seen[step].items():
            assert torch.equal(value, saved[name]), name
