"""Divergences against their definitions in float64, and against TRL's kernel for the exact ones: values and gradients."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from transformers import CohereConfig, CohereForCausalLM, Gemma2Config, Gemma2ForCausalLM, GraniteConfig, GraniteForCausalLM
from trl.kernels.chunked_divergence import ChunkedDivergenceFunction

from sdzero_bench.training import divergence
from sdzero_bench.training.divergence import Head, jensen_shannon, kl_student_teacher, kl_teacher_student, mixed_kl, per_token
from sdzero_bench.training.options import DivergenceOptions
from sdzero_bench.training.trl_compat import head_of

VOCABULARY = 60

EVERY = [
    DivergenceOptions(kind=kind, top_k=top_k, forward_weight=0.3, beta=0.2)  # type: ignore[arg-type]
    for kind in ("reverse", "forward", "mixed", "jsd")
    for top_k in (None, 7, 2 * VOCABULARY)
]


def distributions(count: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of a student and a teacher. Shapes: [count, VOCABULARY]."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = (4 * torch.randn(count, VOCABULARY, generator=generator, dtype=torch.float64) for _ in range(2))
    return student.log_softmax(-1), teacher.log_softmax(-1)


def sum_of(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """kl(p, q) of probabilities, term by term."""
    return torch.stack([sum(a * math.log(a / b) for a, b in zip(x, y, strict=True)) for x, y in zip(p, q, strict=True)])


def test_each_direction_is_its_definition() -> None:
    student, teacher = distributions()
    p, q = student.exp(), teacher.exp()
    torch.testing.assert_close(kl_student_teacher(student, teacher), sum_of(p, q))
    torch.testing.assert_close(kl_teacher_student(student, teacher), sum_of(q, p))
    torch.testing.assert_close(mixed_kl(student, teacher, 0.3), 0.3 * sum_of(q, p) + 0.7 * sum_of(p, q))
    m = 0.2 * q + 0.8 * p
    torch.testing.assert_close(jensen_shannon(student, teacher, 0.2), 0.2 * sum_of(q, m) + 0.8 * sum_of(p, m))


def hidden_states(count: int, **changes: Any) -> tuple[torch.Tensor, Head, torch.Tensor, Head]:
    """Of a student with 8 hidden numbers and a teacher with 12, and their heads; the student's have a gradient."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    student, teacher = random(count, 8).requires_grad_(), random(count, 12)
    heads = [Head(random(VOCABULARY, size), random(VOCABULARY), **changes) for size in (8, 12)]
    for tensor in (heads[0].weight, heads[0].bias):
        assert tensor is not None
        tensor.requires_grad_()
    return student, heads[0], teacher, heads[1]


def in_float64(hidden: torch.Tensor, head: Head) -> torch.Tensor:
    """Probabilities [N, V] of a head, by definition."""
    assert head.bias is not None
    logits = head.scale * (hidden.double() @ head.weight.double().T + head.bias.double())
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    return logits.softmax(-1)


def by_definition(p: torch.Tensor, q: torch.Tensor, options: DivergenceOptions) -> torch.Tensor:
    """The divergence of probabilities p (student) and q (teacher), without log-probabilities."""
    if options.top_k is not None:
        tokens = q.argsort(dim=-1, descending=True)[:, : options.top_k]
        p, q = (x.gather(-1, tokens) / x.gather(-1, tokens).sum(-1, keepdim=True) for x in (p, q))
    m = options.beta * q + (1 - options.beta) * p
    found = {
        "reverse": (p * (p / q).log()).sum(-1),
        "forward": (q * (q / p).log()).sum(-1),
        "jsd": options.beta * (q * (q / m).log()).sum(-1) + (1 - options.beta) * (p * (p / m).log()).sum(-1),
    }
    found["mixed"] = options.forward_weight * found["forward"] + (1 - options.forward_weight) * found["reverse"]
    return found[options.kind]


@pytest.mark.parametrize("chunk", [4, 1024])
@pytest.mark.parametrize("changes", [{}, {"scale": 0.3, "softcap": 2.0}], ids=["plain", "scaled"])
@pytest.mark.parametrize("options", EVERY, ids=lambda o: f"{o.kind}-{o.top_k}")
def test_values_and_gradients_are_those_of_the_definition_in_float64(
    options: DivergenceOptions, changes: Any, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divergence, "CHUNK", chunk)
    weight_of_position = torch.arange(10.0)
    results = []
    for exact in (True, False):
        student, student_head, teacher, teacher_head = hidden_states(10, **changes)
        p = in_float64(student, student_head)
        if exact:
            values = by_definition(p, in_float64(teacher, teacher_head), options)
            entropy = -(p * p.log()).sum(-1)
        else:
            values, entropy = per_token(student, student_head, teacher, teacher_head, options)
            assert values.dtype == entropy.dtype == torch.float32
            assert not entropy.requires_grad
        (weight_of_position * values).sum().backward()
        results.append([values, entropy, student.grad, student_head.weight.grad, student_head.bias.grad])
    assert results[0][0].min() > 1e-3
    for want, got in zip(*results, strict=True):
        torch.testing.assert_close(got.double(), want.double(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "beta"),
    [
        (DivergenceOptions(kind="reverse"), 1.0),
        (DivergenceOptions(kind="forward"), 0.0),
        (DivergenceOptions(kind="jsd", beta=0.5), 0.5),
        (DivergenceOptions(kind="jsd", beta=0.2), 0.2),
    ],
    ids=lambda o: getattr(o, "kind", str(o)),
)
@pytest.mark.parametrize("changes", [{}, {"scale": 0.3, "softcap": 2.0}], ids=["plain", "scaled"])
def test_exact_divergences_equal_trls_kernel(options: DivergenceOptions, beta: float, changes: Any) -> None:
    results = []
    for theirs in (True, False):
        student, student_head, teacher, teacher_head = hidden_states(10, **changes)
        if theirs:
            scaling = [x for head in (student_head, teacher_head) for x in (head.scale, head.softcap)]
            own, other = student_head[:2], teacher_head[:2]
            values, entropy = ChunkedDivergenceFunction.apply(student, *own, teacher, *other, beta, 1.0, *scaling)
        else:
            values, entropy = per_token(student, student_head, teacher, teacher_head, options)
        values.square().sum().backward()
        results.append([values, entropy, student.grad, student_head.weight.grad, student_head.bias.grad])
    for want, got in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_under_autocast_logits_are_not_rounded_to_16_bits() -> None:
    """The inputs of the projection are; its output, from which the divergence is computed, is in float32."""
    student, head, *_ = hidden_states(10)
    with torch.autocast("cpu", torch.bfloat16):
        log_p = Head(head.weight).log_probabilities(student)
    exact = (student.bfloat16().double() @ head.weight.bfloat16().double().T).log_softmax(-1)
    torch.testing.assert_close(log_p.double(), exact, rtol=1e-5, atol=1e-5)
    log_p[:, 0].sum().backward()
    assert student.grad is not None
    assert student.grad.dtype == torch.float32


def test_without_a_position_it_is_an_empty_sum_with_a_gradient_of_zero() -> None:
    """As in a process whose rollouts all teach nothing."""
    student, head, teacher, teacher_head = hidden_states(0)
    found = per_token(student, head, teacher, teacher_head, DivergenceOptions())
    found.divergence.sum().backward()
    assert found.divergence.shape == found.entropy.shape == (0,)
    assert head.weight.grad is not None
    assert not head.weight.grad.any()


SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
}


@pytest.mark.parametrize(
    "model",
    [
        lambda: CohereForCausalLM(CohereConfig(**SMALL, logit_scale=0.1)),
        lambda: Gemma2ForCausalLM(Gemma2Config(**SMALL, final_logit_softcapping=0.5)),
        lambda: GraniteForCausalLM(GraniteConfig(**SMALL, logits_scaling=3.0)),
    ],
    ids=["scaled", "capped", "divided"],
)
def test_a_head_gives_the_logits_of_its_model(model: Any) -> None:
    torch.manual_seed(0)
    policy = model().eval()
    with torch.no_grad():
        policy.get_output_embeddings().weight.normal_()
        ids = torch.tensor([[5, 6, 7, 8]])
        hidden = policy.model(ids).last_hidden_state
        expected = policy(ids).logits.log_softmax(-1)
        torch.testing.assert_close(head_of(policy, hidden.dtype).log_probabilities(hidden[0]), expected[0])
