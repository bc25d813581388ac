"""Divergences between the next-token distributions of student and teacher, each named by its direction.

All are pure functions, in nats and in float32. `student` and `teacher` are log-probabilities of shape [..., V] over the same
vocabulary, and each divergence has shape [...]. `per_token` takes hidden states instead and never holds more than CHUNK rows of
logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sdzero_bench.training.options import DivergenceOptions

CHUNK = 1024
"""Token positions projected to the vocabulary at a time."""


def kl(p: Tensor, q: Tensor) -> Tensor:
    """kl(p, q) = sum over v of exp(p_v) * (p_v - q_v), of log-probabilities p and q."""
    return (p.exp() * (p - q)).sum(-1)


def kl_student_teacher(student: Tensor, teacher: Tensor) -> Tensor:
    """kl(student, teacher), the reverse KL of the distillation literature (SD-Zero, arXiv 2604.12002, its second phase)."""
    return kl(student, teacher)


def kl_teacher_student(student: Tensor, teacher: Tensor) -> Tensor:
    """kl(teacher, student), the forward KL."""
    return kl(teacher, student)


def mixed_kl(student: Tensor, teacher: Tensor, forward_weight: float) -> Tensor:
    """forward_weight * kl(teacher, student) + (1 - forward_weight) * kl(student, teacher) (SD-Zero's public code)."""
    forward, reverse = kl_teacher_student(student, teacher), kl_student_teacher(student, teacher)
    return forward_weight * forward + (1 - forward_weight) * reverse


def jensen_shannon(student: Tensor, teacher: Tensor, beta: float) -> Tensor:
    """beta * kl(teacher, m) + (1 - beta) * kl(student, m) with m = beta * teacher + (1 - beta) * student, 0 < beta < 1.

    The generalised Jensen-Shannon divergence (Agarwal et al. 2023, arXiv 2306.13649, equation 1).
    """
    mixture = torch.logaddexp(teacher + math.log(beta), student + math.log(1 - beta))
    return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture)


def divergence(student: Tensor, teacher: Tensor, options: DivergenceOptions) -> Tensor:
    """The divergence that the options name. With `top_k`, over the teacher's k most likely tokens, both renormalised."""
    if options.top_k is not None:
        teacher, tokens = teacher.topk(min(options.top_k, teacher.shape[-1]), dim=-1)  # [..., k]
        teacher, student = teacher.log_softmax(-1), student.gather(-1, tokens).log_softmax(-1)
    match options.kind:
        case "reverse":
            return kl_student_teacher(student, teacher)
        case "forward":
            return kl_teacher_student(student, teacher)
        case "mixed":
            return mixed_kl(student, teacher, options.forward_weight)
        case "jsd":
            return jensen_shannon(student, teacher, options.beta)


class Head(NamedTuple):
    """The output head of a language model: what turns hidden states [N, H] into logits [N, V]."""

    weight: Tensor
    """[V, H]"""
    bias: Tensor | None = None
    """[V]"""
    scale: float = 1.0
    """Factor of the logits."""
    softcap: float | None = None
    """c in c * tanh(logits / c), after the scale; None: not capped."""

    def log_probabilities(self, hidden: Tensor) -> Tensor:
        """Log-probabilities [N, V] in float32 of hidden states [N, H]."""
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
        logits: Tensor = _Projection.apply(hidden, self.weight, dtype)  # type: ignore[no-untyped-call]
        if self.bias is not None:
            logits = logits + self.bias.float()
        logits = logits * self.scale
        if self.softcap is not None:
            logits = self.softcap * torch.tanh(logits / self.softcap)
        return logits.log_softmax(-1)


class TokenFigures(NamedTuple):
    """What a model says of each of N tokens, in nats."""

    log_probability: Tensor
    """[N], of the token, with a gradient where gradients are computed."""
    entropy: Tensor
    """[N], of the distribution before it, without a gradient."""


def token_figures(hidden: Tensor, head: Head, tokens: Tensor) -> TokenFigures:
    """Log-probability and entropy at each of N positions, of the hidden states [N, H] before the tokens [N].

    At most CHUNK positions are projected to the vocabulary at a time, and projected again in the backward pass.
    """
    chunks = [
        checkpoint(_token_chunk, h, head, t, use_reentrant=False, preserve_rng_state=False)
        for h, t in zip(hidden.split(CHUNK), tokens.split(CHUNK), strict=True)
    ]
    log_probabilities, entropies = zip(*chunks, strict=True)
    return TokenFigures(torch.cat(log_probabilities), torch.cat(entropies))


def _token_chunk(hidden: Tensor, head: Head, tokens: Tensor) -> tuple[Tensor, Tensor]:
    log_p = head.log_probabilities(hidden)
    with torch.no_grad():
        entropy = -(log_p.exp() * log_p).sum(-1)
    return log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), entropy


class PerToken(NamedTuple):
    """What is known of each of N token positions, in nats."""

    divergence: Tensor
    """[N], with a gradient to the student."""
    entropy: Tensor
    """[N], of the student, without a gradient."""


def per_token(
    student_hidden: Tensor, student_head: Head, teacher_hidden: Tensor, teacher_head: Head, options: DivergenceOptions
) -> PerToken:
    """Divergence and entropy at each of N positions, of hidden states [N, H] and [N, H'] of the same positions.

    At most CHUNK positions are projected to the vocabulary at a time, and projected again in the backward pass, so that
    [N, V] logits never exist.
    """
    chunks = [
        checkpoint(_chunk, s, student_head, t, teacher_head, options, use_reentrant=False, preserve_rng_state=False)
        for s, t in zip(student_hidden.split(CHUNK), teacher_hidden.split(CHUNK), strict=True)
    ]
    divergences, entropies = zip(*chunks, strict=True)
    return PerToken(torch.cat(divergences), torch.cat(entropies))


def _chunk(
    student_hidden: Tensor, student_head: Head, teacher_hidden: Tensor, teacher_head: Head, options: DivergenceOptions
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        teacher = teacher_head.log_probabilities(teacher_hidden)
    student = student_head.log_probabilities(student_hidden)
    with torch.no_grad():
        entropy = -(student.exp() * student).sum(-1)
    return divergence(student, teacher, options), entropy


class _Projection(torch.autograd.Function):
    """hidden @ weight.T, computed in `dtype` and returned in float32.

    A plain product of 16-bit tensors would round the logits to 16 bits, an error as large as a small divergence.
    """

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, hidden: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        ctx.dtype = dtype  # type: ignore[attr-defined]
        return _product(hidden.to(dtype), weight.to(dtype).t())

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        hidden, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        dtype: torch.dtype = ctx.dtype  # type: ignore[attr-defined]
        needs: Mapping[int, bool] | tuple[bool, ...] = ctx.needs_input_grad  # type: ignore[attr-defined]
        gradient = gradients[0].to(dtype)
        to_hidden = _product(gradient, weight.to(dtype)).to(hidden.dtype) if needs[0] else None
        to_weight = _product(gradient.t(), hidden.to(dtype)).to(weight.dtype) if needs[1] else None
        return to_hidden, to_weight, None


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b in float32, whatever the inputs' dtype and whether autocast is on."""
    with torch.autocast(a.device.type, enabled=False):
        if a.is_cuda and a.dtype in (torch.bfloat16, torch.float16):
            return torch.mm(a, b, out_dtype=torch.float32)
        return a.float() @ b.float()
