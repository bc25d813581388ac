"""Losses and gradients of the methods that weigh tokens, against the papers' formulas in float64, one rollout at a time."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import median_low
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from taught_groups import QUESTIONS, ROWS, Loss, Taught, entropy, jensen_shannon, kl, ratio
from test_micro_batches import gradients
from tiny import prompt_ids
from torch import Tensor

from sdzero_bench.methods.antisd import AntiSD, AntiSDOptions
from sdzero_bench.methods.rlcsd import RLCSD, RLCSDOptions
from sdzero_bench.methods.rlsd import RLSD, RLSDOptions
from sdzero_bench.methods.sdpg import SDPG, SDPGOptions
from sdzero_bench.methods.srpo import SRPO, SRPOOptions
from sdzero_bench.training.micro_batches import MicroBatchLimits

WHOLE = MicroBatchLimits(100)
SHOWN = "{prompt} like {solution}"
JUDGED = "{prompt} like {solution}, {verdict}"
REWARDED = [row for row in ROWS if row.reward is not None]
TOKENS = sum(len(row.completion) for row in REWARDED)


def same_gradient(taught: Taught, expected: Loss, limits: MicroBatchLimits = WHOLE) -> float:
    """Returns the loss of the trainer."""
    want = taught.gradient_of(expected(taught))
    loss, got = gradients(taught.trainer, taught.rows, limits)
    assert max(float(g.abs().max()) for g in want.values()) > 1e-3
    for name, gradient in want.items():
        torch.testing.assert_close(got[name].double(), gradient, rtol=2e-3, atol=3e-5, msg=lambda m, n=name: f"{n}: {m}")
    return loss


def policy_gradient(taught: Taught, weights: Any) -> tuple[Tensor, float]:
    """sum of -ratio * A_t over all rollouts with a reward, where `weights` gives a rollout's A_t [n], and of -A_t log pi."""
    total, value = torch.zeros((), dtype=torch.float64), 0.0
    for row in REWARDED:
        log_p = taught.taken(row, taught.says("student", row))
        own = weights(row)
        own = own.detach() if isinstance(own, Tensor) else torch.full_like(log_p.detach(), own)
        total = total - (ratio(log_p) * own).sum()
        value -= float((log_p.detach() * own).sum())
    return total, value


def evidence(taught: Taught, row: Any, text: str) -> Tensor:
    """log teacher(y_t | text) - log student(y_t | question)."""
    teacher, student = taught.says("teacher", row, text), taught.says("student", row)
    return (taught.taken(row, teacher) - taught.taken(row, student)).detach()


def answered(row: Any) -> str:
    return f"{row.question.text} like The answer is {row.question.answer}."


@pytest.mark.parametrize("step", [0, 20, 60])
def test_rlsd_sizes_the_steps_of_tokens_by_the_teacher(step: int, tokenizer: Any, tmp_path: Path) -> None:
    taught = Taught(RLSD(RLSDOptions(template=SHOWN, strength=0.8, decay_steps=40, clip=0.3)), tokenizer, tmp_path)
    taught.trainer.state.global_step = step
    share = 0.8 * max(0, 1 - step / 40)

    def weights(row: Any) -> Tensor:
        sign = (row.advantage > 0) - (row.advantage < 0)
        factor = (sign * evidence(taught, row, answered(row))).exp().clamp(0.7, 1.3)
        return row.advantage * ((1 - share) + share * factor)

    value = policy_gradient(taught, weights)[1] / TOKENS
    loss = same_gradient(taught, lambda t: policy_gradient(t, weights)[0] / TOKENS)
    assert loss == pytest.approx(value, rel=1e-4, abs=1e-6)


def right_sibling_of_wrong(row: Any) -> Any:
    return row.first(1.0) if row.reward == 0.0 else None


def test_srpo_routes_wrong_rollouts_with_a_right_sibling_to_distillation(tokenizer: Any, tmp_path: Path) -> None:
    taught = Taught(SRPO(SRPOOptions(template=SHOWN, entropy_weight=0.7)), tokenizer, tmp_path)

    def expected(t: Taught) -> tuple[Tensor, float]:
        routed = [row for row in REWARDED if right_sibling_of_wrong(row)]
        assert 0 < len(routed) < len(REWARDED)
        weights, distances = [], []
        for row in routed:
            teacher = t.says("teacher", row, f"{row.question.text} like {row.first(1.0).text}").detach()
            weights.append((-0.7 * entropy(teacher)).exp())
            distances.append(jensen_shannon(t.says("student", row), teacher))
        mean = torch.cat(weights).mean()
        distilled = (torch.cat(weights) / mean * torch.cat(distances)).sum()
        total, value = distilled, float(distilled)
        for row in REWARDED:
            if row not in routed:
                known = [r.reward for r in [row, *row.siblings] if r.reward is not None]
                log_p = t.taken(row, t.says("student", row))
                advantage = row.reward - sum(known) / len(known)
                total = total - advantage * ratio(log_p).sum()
                value -= advantage * float(log_p.sum())
        return total / TOKENS, value / TOKENS

    loss = same_gradient(taught, lambda t: expected(t)[0])
    assert loss == pytest.approx(expected(taught)[1], rel=1e-4)


@pytest.mark.parametrize("negatives", [1, 4])
def test_rlcsd_takes_two_means_over_tokens_with_and_without_a_token_reward(
    negatives: int, tokenizer: Any, tmp_path: Path
) -> None:
    """Rollouts with two wrong siblings are in a batch with others that have three, which are left out of the loss."""
    options = RLCSDOptions(
        template=SHOWN, temperature=0.9, strength=1.4, threshold=0.5, selected_weight=0.6, negatives=negatives
    )
    taught = Taught(RLCSD(options), tokenizer, tmp_path)

    def expected(t: Taught) -> tuple[Tensor, float]:
        others: list[tuple[Tensor, Tensor]] = []
        chosen: list[tuple[Tensor, Tensor]] = []
        seen = set()
        for row in REWARDED:
            right = row.first(1.0)
            wrong = [s for s in row.siblings if s.reward == 0.0][:negatives]
            if right is None or not wrong:
                continue
            seen.add(len(wrong))
            with_right = t.taken(row, t.says("teacher", row, f"{row.question.text} like {right.text}"))
            with_wrong = [t.taken(row, t.says("teacher", row, f"{row.question.text} like {s.text}")).exp() for s in wrong]
            contrast = (sum(with_wrong) / len(wrong)).log()  # type: ignore[union-attr]
            reward = 1.4 * ((with_right - contrast) / 0.9).tanh().detach()
            log_p = t.taken(row, t.says("student", row))
            for logp, r in zip(log_p, reward, strict=True):
                if abs(r) > 0.5:
                    moved = row.advantage + r
                    moved = max(moved, torch.zeros(())) if row.advantage > 0 else min(moved, torch.zeros(()))
                    chosen.append((logp, moved))
                else:
                    others.append((logp, torch.tensor(row.advantage)))
        assert others
        assert chosen
        assert any(a == 0 for _, a in chosen), "no token reward turned the sign of an advantage"
        assert seen == ({1} if negatives == 1 else {1, 2})
        parts = [(sum(-ratio(p) * a for p, a in each) / len(each), sum(-float(p * a) for p, a in each) / len(each))
                 for each in (others, chosen)]  # fmt: skip
        return parts[0][0] + 0.6 * parts[1][0], parts[0][1] + 0.6 * parts[1][1]  # type: ignore[return-value]

    loss = same_gradient(taught, lambda t: expected(t)[0])
    assert loss == pytest.approx(expected(taught)[1], rel=1e-4)


@pytest.mark.parametrize(("step", "kl_weight"), [(0, 0.3), (3, 0.3), (12, 0.3), (3, 0.0)])
def test_sdpg_adds_two_divergences_one_of_them_scheduled(step: int, kl_weight: float, tokenizer: Any, tmp_path: Path) -> None:
    options = SDPGOptions(template=SHOWN, distill_weight=0.8, kl_weight=kl_weight, warmup=0.25, decay=0.5)
    taught = Taught(SDPG(options), tokenizer, tmp_path, max_steps=16)
    taught.trainer.state.global_step = step
    beta = 0.8 * min(1, step / 4) * min(1, (16 - step) / 8)

    def expected(t: Taught) -> tuple[Tensor, float]:
        total, value = policy_gradient(t, lambda row: row.advantage)
        for row in REWARDED:
            student = t.says("student", row)
            log_p = t.taken(row, student)
            away = log_p - t.taken(row, t.says("reference", row)).detach()
            total = total + kl_weight / 2 * (away**2).sum()
            value += kl_weight * float((away.detach() * log_p).sum())
            if row.advantage > 0:
                distance = kl(student, t.says("teacher", row, answered(row)).detach()).sum()
                total, value = total + beta * distance, value + beta * float(distance)
        return total / TOKENS, value / TOKENS

    loss = same_gradient(taught, lambda t: expected(t)[0])
    assert loss == pytest.approx(expected(taught)[1], rel=1e-4)


def judged(row: Any) -> str:
    return f"{row.question.text} like {row.first(1.0).text}, {'correct' if row.reward == 1.0 else 'incorrect'}"


def median_entropy(taught: Taught) -> float:
    """Of the teacher over all tokens that count; without a right sibling it reads the question alone."""
    texts = [(row, judged(row) if row.first(1.0) else None) for row in REWARDED]
    return median_low(e for row, text in texts for e in entropy(taught.says("teacher", row, text)).tolist())


@pytest.mark.parametrize("measured", ["below", "above"])
def test_antisd_moves_away_from_the_teacher_while_the_gate_is_open(measured: str, tokenizer: Any, tmp_path: Path) -> None:
    taught = Taught(AntiSD(AntiSDOptions(template=JUDGED, strength=0.9, warmup_steps=2)), tokenizer, tmp_path)
    level = median_entropy(taught) * (0.99 if measured == "below" else 1.1)
    taught.trainer.state.log_history = [{"teacher_entropy": level + d, "gate": 0.0} for d in (0.01, -0.01)]
    gate = float(measured == "below")

    def weights(row: Any) -> Any:
        if row.first(1.0) is None:
            return row.advantage
        u = evidence(taught, row, judged(row))
        return row.advantage - gate * 0.9 * ((1 + u.exp()).log() - math.log(2)) / 2

    value = policy_gradient(taught, weights)[1] / TOKENS
    loss = same_gradient(taught, lambda t: policy_gradient(t, weights)[0] / TOKENS)
    assert loss == pytest.approx(value, rel=1e-4)
    assert taught.trainer._metrics["train"]["gate"] == [gate]
    assert taught.trainer._metrics["train"]["teacher_entropy"] == [pytest.approx(median_entropy(taught), rel=1e-4)]


def test_the_term_of_antisd_is_the_ascent_on_the_jensen_shannon_divergence(tokenizer: Any, tmp_path: Path) -> None:
    """The mean of -phi(u) grad log p over the student's own tokens is the gradient of the divergence."""
    logits = torch.tensor([0.3, -1.2, 2.0, 0.1], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([1.0, 0.5, -0.4, 0.0], dtype=torch.float64).log_softmax(-1)
    (exact,) = torch.autograd.grad(jensen_shannon(logits.log_softmax(-1), teacher), logits)
    log_p = logits.log_softmax(-1)
    shape = (1, 4)
    known: Any = SimpleNamespace(
        total=float,
        teacher_entropy=torch.ones(shape),
        mask=torch.ones(shape, dtype=torch.bool),
        evidence=(teacher - log_p).detach().unsqueeze(0),
        advantage=torch.zeros(1),
        taught=torch.ones(1, dtype=torch.bool),
        history=[{"teacher_entropy": 0.5, "gate": 0.0}] * 5,
    )
    weights = AntiSD(AntiSDOptions(strength=1.0)).weigh(known).likelihood[0]
    (sampled,) = torch.autograd.grad((log_p.exp().detach() * weights * log_p).sum(), logits)
    torch.testing.assert_close(sampled, exact)


def test_the_gate_of_antisd_is_a_schmitt_trigger() -> None:
    method, rng = AntiSD(AntiSDOptions(warmup_steps=3, floor=0.8)), random.Random(0)
    reached = set()
    for _ in range(50):
        history: list[dict[str, float]] = []
        state, level = 1.0, math.nan
        for step in range(20):
            entropy = rng.uniform(0.5, 1.5)
            gate = method.gate(entropy, SimpleNamespace(history=history))  # type: ignore[arg-type]
            if step < 3:
                expected = 0.0
            else:
                level = sum(row["teacher_entropy"] for row in history if "loss" in row and row["step"] < 3) / 3
                state = 1.0 if entropy >= level else 0.0 if entropy < 0.8 * level else state
                expected = state
                reached.add((entropy >= level, entropy < 0.8 * level, state))
            assert gate == expected
            history.append({"loss": 1.0, "step": step, "teacher_entropy": entropy, "gate": gate})
            history.append({"train_runtime": 1.0})
    assert len(reached) == 4


def test_the_gate_of_antisd_goes_on_where_a_checkpoint_left_it(tokenizer: Any, tmp_path: Path) -> None:
    options = AntiSDOptions(template=JUDGED, warmup_steps=2, floor=0.999)
    settings = {"max_steps": 8, "logging_steps": 1, "save_strategy": "steps", "save_steps": 1, "learning_rate": 1e-2}

    def of(taught: Taught) -> list[tuple[float, float]]:
        return [(row["teacher_entropy"], row["gate"]) for row in taught.trainer.state.log_history if "gate" in row]

    whole = Taught(AntiSD(options), tokenizer, tmp_path, **settings)
    whole.trainer.train_dataset = again(whole)
    whole.trainer.train()
    resumed = Taught(AntiSD(options), tokenizer, tmp_path, **settings)
    resumed.trainer.train_dataset = again(resumed)
    resumed.trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
    assert of(resumed) == of(whole)
    assert [gate for _, gate in of(whole)][:2] == [0.0, 0.0]
    assert {gate for _, gate in of(whole)[2:]} == {0.0, 1.0}
    for name, weight in whole.models["student"].state_dict().items():
        assert torch.equal(weight, resumed.models["student"].state_dict()[name]), name


def again(taught: Taught) -> Any:
    """The same rows for every step."""
    from datasets import Dataset

    return Dataset.from_list(taught.rows * 8)


METHODS: dict[str, Any] = {
    "rlsd": lambda: RLSD(RLSDOptions(template=SHOWN)),
    "srpo": lambda: SRPO(SRPOOptions(template=SHOWN)),
    "rlcsd": lambda: RLCSD(RLCSDOptions(template=SHOWN, temperature=0.9, threshold=0.2)),
    "sdpg": lambda: SDPG(SDPGOptions(template=SHOWN, distill_weight=0.8, warmup=0, kl_weight=0.2)),
    "antisd": lambda: AntiSD(AntiSDOptions(template=JUDGED, warmup_steps=1)),
}


@pytest.mark.parametrize("name", METHODS)
def test_gradients_do_not_depend_on_micro_batches(name: str, tokenizer: Any, tmp_path: Path) -> None:
    found = []
    for limits in (WHOLE, MicroBatchLimits(1), MicroBatchLimits(3), MicroBatchLimits(100, 60)):
        taught = Taught(METHODS[name](), tokenizer, tmp_path)
        taught.trainer.state.log_history = [{"teacher_entropy": 0.0, "gate": 0.0}]
        found.append(gradients(taught.trainer, taught.rows, limits))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-4, abs=1e-6)
        for parameter, value in found[0][1].items():
            torch.testing.assert_close(gradient[parameter], value, rtol=1e-3, atol=2e-6)


def test_all_methods_here_are_those_with_a_signal() -> None:
    folder = Path(__file__).parent.parent / "methods"
    assert {path.stem for path in folder.glob("*.py") if "signal import" in path.read_text()} == METHODS.keys()


@pytest.mark.parametrize("name", ["rlsd", "sdpg", "rlcsd"])
def test_a_rollout_whose_context_leaves_no_room_is_trained_on_by_its_advantage_alone(
    name: str, tokenizer: Any, tmp_path: Path
) -> None:
    """And whole; RLCSD leaves it out, as it does others without both kinds of contexts."""
    taught = Taught(METHODS[name](), tokenizer, tmp_path)
    taught.trainer.max_teacher_tokens = 3
    taught.trainer.model.train()
    batch = taught.trainer._generate_and_score_completions(taught.rows)
    assert taught.trainer._metrics["train"]["taught"] == [0]
    lengths = [len(row.completion) if row.reward is not None else 0 for row in ROWS]
    assert batch["completion_mask"].sum(1).tolist() == lengths
    weights = batch["likelihood_weights"]
    if name == "rlcsd":
        assert (weights == 0).all()
    elif name == "rlsd":
        expected = [row.advantage if t < n else 0.0 for row, n in zip(ROWS, lengths, strict=True) for t in range(6)]
        assert weights.flatten().tolist() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert (batch.get("divergence_weights", torch.zeros(())) == 0).all()


def test_a_contrasting_context_fits_the_teacher_too(tokenizer: Any, tmp_path: Path) -> None:
    """Two wrong siblings are longer than the right one: the limit of the teacher's input cuts by the longest."""
    taught = Taught(RLCSD(RLCSDOptions(template=SHOWN)), tokenizer, tmp_path)
    right, *wrong = (len(prompt_ids(tokenizer, f"{QUESTIONS[0].text} like {ROWS[i].text}")) for i in (0, 1, 2))
    assert max(wrong) > right
    taught.trainer.max_teacher_tokens = max(wrong) + 2
    taught.trainer.model.train()
    batch = taught.trainer._generate_and_score_completions(taught.rows)
    assert batch["completion_mask"][3].sum() == 2 < len(ROWS[3].completion)
