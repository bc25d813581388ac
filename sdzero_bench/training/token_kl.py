"""Where a teacher disagrees with the student: the divergence token by token (the paper's Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sdzero_bench.training.divergence import kl_student_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@torch.no_grad()
def compare_tokens(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    student_context: Sequence[int],
    teacher_context: Sequence[int],
    completion: Sequence[int],
    at_once: int = 1024,
) -> tuple[Tensor, Tensor]:
    """Student and teacher, each in its own context, compared at each token of the completion. Shapes: [tokens], twice.

    First kl(student, teacher) before the token, exact over the vocabulary; second the token's reward in the sense of the
    paper's Figure 4, log student(y_t) - log teacher(y_t). In nats, at temperature 1. `at_once` bounds the memory: it is the
    number of tokens whose logits exist at a time, for both models.
    """
    divergence, reward, start = [], [], 0
    both = (_log_probabilities(m, c, completion, at_once) for m, c in ((student, student_context), (teacher, teacher_context)))
    for log_p, log_q in zip(*both, strict=True):
        divergence.append(kl_student_teacher(log_p, log_q))
        token = torch.tensor(completion[start : start + len(log_p)], device=log_p.device).unsqueeze(-1)
        reward.append((log_p.gather(-1, token) - log_q.gather(-1, token)).squeeze(-1))
        start += len(log_p)
    return torch.cat(divergence), torch.cat(reward)


def token_divergence(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    student_context: Sequence[int],
    teacher_context: Sequence[int],
    completion: Sequence[int],
) -> Tensor:
    """kl(student, teacher) in nats before each token of the completion, exact over the vocabulary. Shape: [tokens]."""
    return compare_tokens(student, teacher, student_context, teacher_context, completion)[0]


@torch.no_grad()
def _log_probabilities(
    model: PreTrainedModel, context: Sequence[int], completion: Sequence[int], at_once: int
) -> Iterator[Tensor]:
    """Log-probabilities of the next token before each token of the completion, `at_once` tokens at a time.

    Shape of each: [tokens, vocabulary].
    """
    ids = torch.tensor([[*context, *completion]], device=model.device)[:, :-1]  # nothing follows the last one
    first = len(context) - 1
    bounds = [0, *range(first + at_once, ids.shape[1], at_once), ids.shape[1]]
    cache: Any = None
    for start, end in pairwise(bounds):
        tokens = end - max(start, first)
        output = model(ids[:, start:end], past_key_values=cache, use_cache=len(bounds) > 2, logits_to_keep=tokens)
        cache = output.past_key_values
        yield output.logits[0, -tokens:].float().log_softmax(-1)
