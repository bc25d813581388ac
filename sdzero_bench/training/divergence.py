"""The divergence between student and teacher, named by direction, and its top-k approximation.

Exact divergences come from TRL's chunked kernel; only what TRL lacks is here.
"""

from __future__ import annotations

import math

import torch
from torch.utils.checkpoint import checkpoint

from sdzero_bench.training.options import DivergenceOptions

CHUNK = 1024
"""Token positions projected to the vocabulary at a time."""


def trl_beta(direction: str, options: DivergenceOptions) -> float:
    """TRL's `beta`: 0 is kl(teacher, student), 1 kl(student, teacher), and between them lies the Jensen-Shannon divergence."""
    return {"forward": 0.0, "reverse": 1.0, "jsd": options.beta}[direction]


def top_k_divergence(
    student_hidden: torch.Tensor,  # [N, H]
    student_head: torch.nn.Linear,
    teacher_hidden: torch.Tensor,  # [N, H']
    teacher_head: torch.nn.Linear,
    options: DivergenceOptions,
) -> torch.Tensor:
    """Divergence in nats at each of N positions over the teacher's top-k tokens, without [N, vocabulary] logits in memory.

    Both distributions are renormalised over those tokens, as in the public code of SD-Zero. Shape: [N].
    """
    assert options.top_k is not None
    parts = [
        checkpoint(_top_k_chunk, s, student_head, t, teacher_head, options, use_reentrant=False)
        for s, t in zip(student_hidden.split(CHUNK), teacher_hidden.split(CHUNK), strict=True)
    ]
    return torch.cat(parts)


def _top_k_chunk(
    student_hidden: torch.Tensor,
    student_head: torch.nn.Linear,
    teacher_hidden: torch.Tensor,
    teacher_head: torch.nn.Linear,
    options: DivergenceOptions,
) -> torch.Tensor:
    with torch.no_grad():
        teacher_logits = teacher_head(teacher_hidden).float()
        k = min(options.top_k or 0, teacher_logits.shape[-1])
        top, tokens = teacher_logits.topk(k, dim=-1)  # [n, k]
        teacher = top.log_softmax(-1)
    student = student_head(student_hidden).float().gather(-1, tokens).log_softmax(-1)
    mixture = torch.logaddexp(teacher + math.log(options.beta), student + math.log(1 - options.beta))
    kl_teacher, kl_student = ((p.exp() * (p - mixture)).sum(-1) for p in (teacher, student))
    directions = {
        "reverse": (student.exp() * (student - teacher)).sum(-1),
        "forward": (teacher.exp() * (teacher - student)).sum(-1),
        "jsd": options.beta * kl_teacher + (1 - options.beta) * kl_student,
    }
    return sum((weight * directions[name] for name, weight in options.weights().items()), torch.zeros_like(top[:, 0]))
