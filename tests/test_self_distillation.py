"""The distillation loss, against brute force in float64; what the teacher reads, token by token; whose policy samples."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from tiny import attempt, prompt_ids, tiny_model
from transformers import Qwen3ForCausalLM
from trl import DistillationConfig
from trl.experimental.sdft import loss_utils as sdft_losses
from trl.experimental.sdpo import loss_utils as sdpo_losses

from sdzero_bench.core.settings import LoraConfig
from sdzero_bench.policies.lora import adapted, weights_of
from sdzero_bench.training.divergence import Head, per_token
from sdzero_bench.training.on_policy import Attempt
from sdzero_bench.training.options import DivergenceOptions, TeacherOptions
from sdzero_bench.training.self_distillation import SelfDistillationTrainer, truncated_to_fit

PHRASE = [70, 71, 72]
QUESTIONS = ["1 + 2", "What is 30 - 4 + 5?", "7 + 8 - 9", "A much longer question, so that there is padding: 1 + 1"]


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

    def rollout(model: Any, step: int, rows: list[dict[str, Any]]) -> list[Attempt]:
        return [attempt(row["question_id"], drawn[row["question_id"]]) for row in rows]

    arguments = {"per_device_train_batch_size": 4, "max_steps": 1, "learning_rate": 1e-3, "bf16": False, **settings}
    return SelfDistillationTrainer(
        model=student,
        teacher_model=teacher,
        config=DistillationConfig(
            output_dir=str(folder), use_cpu=True, report_to="none", gradient_checkpointing=False, **arguments
        ),
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": q}], "question_id": q} for q in QUESTIONS]),
        processing_class=tokenizer,
        rollout=rollout,
        context=lambda attempt, ids: context(attempt.question.id, ids),
        divergence=divergence or DivergenceOptions(),
        teacher=TeacherOptions(),
        max_teacher_tokens=256,
        signal=None,
        reference_model=None,
        group=1,
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
        if options.kind == "jsd":
            mixture = (options.beta * log_q.exp() + (1 - options.beta) * log_p.exp()).log()
            kl_teacher, kl_student = ((x.exp() * (x - mixture)).sum() for x in (log_q, log_p))
            total = total + options.beta * kl_teacher + (1 - options.beta) * kl_student
        else:
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
        DivergenceOptions(kind="jsd", beta=0.3),
        DivergenceOptions(top_k=5),
        DivergenceOptions(kind="jsd", top_k=5),
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


@pytest.mark.parametrize(
    ("options", "alpha"),
    [
        (DivergenceOptions(), 1.0),
        (DivergenceOptions(kind="forward"), 0.0),
        (DivergenceOptions(kind="jsd", beta=0.5), 0.5),
        (DivergenceOptions(kind="jsd", beta=0.2), 0.2),
    ],
    ids=lambda o: getattr(o, "kind", str(o)),
)
@pytest.mark.parametrize("published", [sdft_losses, sdpo_losses], ids=["sdft", "sdpo"])
def test_loss_equals_the_published_losses_of_sdft_and_sdpo(
    tokenizer: Any, tmp_path: Path, options: DivergenceOptions, alpha: float, published: Any
) -> None:
    """On the same batch, TRL's implementations of both papers give the same divergence for every token."""
    student, teacher = tiny_model(tokenizer, 0), tiny_model(tokenizer, 1)
    trainer = make_trainer(tokenizer, tmp_path, student, teacher, lambda q, ids: second_copy(tokenizer, q, ids), options)
    student.train()
    batch = trainer._generate_and_score_completions(rows(trainer))
    ours = trainer.compute_loss(student, batch)
    mask = batch["completion_mask"].bool()
    logits = []
    for model, ids, seen in ((student, "prompt_ids", "prompt_mask"), (teacher, "teacher_ids", "teacher_mask")):
        output = model(
            torch.cat([batch[ids], batch["completion_ids"]], dim=1),
            attention_mask=torch.cat([batch[seen], batch["completion_mask"]], dim=1),
        )
        logits.append(output.logits[:, -mask.shape[1] - 1 : -1][mask])
    theirs = published.compute_full_logit_self_distillation_loss(*logits, distillation_alpha=alpha).mean()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_top_k_over_the_whole_vocabulary_equals_the_published_top_k_loss(tokenizer: Any) -> None:
    """Ours takes the teacher's top tokens, TRL's the student's; where k is the whole vocabulary they are the same."""
    torch.manual_seed(0)
    weights = [torch.randn(50, 8) for _ in range(2)]
    hidden = [torch.randn(6, 8) for _ in range(2)]
    ours = per_token(hidden[0], Head(weights[0]), hidden[1], Head(weights[1]), DivergenceOptions(top_k=50)).divergence
    theirs = sdft_losses.compute_topk_self_distillation_loss(
        hidden[0] @ weights[0].T,
        hidden[1] @ weights[1].T,
        distillation_topk=50,
        distillation_alpha=1.0,
        distillation_add_tail=False,
    )
    torch.testing.assert_close(ours, theirs)


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

    def one_failed(model: Any, step: int, rows: list[dict[str, Any]]) -> list[Attempt]:
        drawn = list(inner(model, step, rows))
        drawn[1] = attempt(drawn[1].question.id, drawn[1].sample.token_ids, reward=None)
        return drawn

    trainer.rollout = one_failed
    batch = trainer._generate_and_score_completions(rows(trainer))
    assert batch["completion_mask"][1].sum() == 0
    assert batch["num_items_in_batch"].item() == sum(len(c) for i, c in enumerate(completions(tokenizer)) if i != 1)
    assert torch.isfinite(trainer.compute_loss(student, batch))


def test_an_attempt_whose_teacher_knows_no_more_is_left_out_of_the_loss(tokenizer: Any, tmp_path: Path) -> None:
    """A context of None, as SDPO's where no sibling is right: the attempt counts neither in the loss nor in its mean."""
    student = tiny_model(tokenizer, 0)
    first, last = QUESTIONS[0], QUESTIONS[-1]
    nothing = lambda q, ids: None if q in (first, last) else second_copy(tokenizer, q, ids)  # noqa: E731
    trainer = make_trainer(tokenizer, tmp_path, student, tiny_model(tokenizer, 1), nothing)
    student.train()
    batch = trainer._generate_and_score_completions(rows(trainer))
    assert batch["completion_mask"].sum(1).gt(0).tolist() == [False, True, True, False]
    assert trainer._metrics["train"]["taught"] == [2]
    assert torch.isfinite(trainer.compute_loss(student, batch))


def test_over_long_teacher_inputs_are_cut_for_both_sides() -> None:
    """|x| + 2|y| + |P_r| must not exceed the limit, and no more is cut than that takes."""
    prefix, phrase = 10, 3
    for length in range(1, 40):
        for limit in range(16, 70):
            kept = truncated_to_fit(range(length), lambda ids: [0] * prefix + list(ids) + [0] * phrase, 1000, limit)
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


@pytest.mark.parametrize("rank", [None, 3], ids=["all weights", "adapters"])
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
def test_teacher_weights(
    tokenizer: Any, tmp_path: Path, options: TeacherOptions, synchronised: list[int], rank: int | None
) -> None:
    """Frozen stays, sync copies at its steps, a plateau of constant rewards is found, ema follows its formula."""
    student, teacher = adapted(tiny_model(tokenizer, 0), LoraConfig(rank=rank), 0), tiny_model(tokenizer, 0)
    settings = {"max_steps": 5, "logging_steps": 1, "save_strategy": "no"}
    trainer = make_trainer(tokenizer, tmp_path, student, teacher, lambda q, ids: second_copy(tokenizer, q, ids), **settings)
    trainer.teacher_weights.options = options
    inner, history = trainer.rollout, []

    def weights_now(model: Any) -> dict[str, torch.Tensor]:
        return {name: weight.detach().clone() for name, weight in weights_of(model)}

    def watch(model: Any, step: int, rows: list[dict[str, Any]]) -> Sequence[Attempt]:
        history.append(weights_now(model))
        return inner(model, step, rows)

    trainer.rollout = watch
    trainer.train()
    history.append(weights_now(student))
    assert trainer.teacher_weights.synchronised == synchronised
    assert any(not torch.equal(history[0][name], history[5][name]) for name in history[0])
    expected = history[0]
    for step in range(1, 6):
        if options.weights == "ema":
            expected = {name: 0.9 * e + 0.1 * history[step][name] for name, e in expected.items()}
        elif step in synchronised:
            expected = history[step]
    assert expected.keys() == teacher.state_dict().keys()
    for name, got in teacher.state_dict().items():
        torch.testing.assert_close(got, expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("minimum_gain", "steps"), [(0.0, []), (0.05, []), (0.1, [4]), (0.5, [4])])
def test_a_gain_of_at_most_minimum_gain_counts_as_a_plateau(
    tokenizer: Any, tmp_path: Path, minimum_gain: float, steps: list[int]
) -> None:
    """Mean rewards of 0.4 and then 0.5 over windows of two steps: a gain of 0.1."""
    student = tiny_model(tokenizer, 0)
    trainer = make_trainer(
        tokenizer, tmp_path, student, tiny_model(tokenizer, 1), lambda q, ids: second_copy(tokenizer, q, ids)
    )
    weights = trainer.teacher_weights
    weights.options = TeacherOptions(weights="sync_on_plateau", patience=2, minimum_gain=minimum_gain)
    for step, reward in enumerate([0.375, 0.425, 0.5, 0.5], start=1):
        trainer.state.log_history.append({"reward": reward})
        trainer.state.global_step = step
        weights.on_step_end(trainer.args, trainer.state, trainer.control)
    assert weights.synchronised == steps


def test_the_policy_that_samples_at_step_n_is_the_policy_of_step_n(tokenizer: Any, tmp_path: Path) -> None:
    """The weights handed to the sampler at step n are those that n optimizer steps have made, and no older ones."""
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

    def watch(model: Any, step: int, rows: list[dict[str, Any]]) -> Sequence[Attempt]:
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
