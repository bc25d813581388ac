"""Where a teacher disagrees with the student: the divergence token by token (the paper's Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


@torch.no_grad()
def token_divergence(
    student: Any, teacher: Any, student_context: Sequence[int], teacher_context: Sequence[int], completion: Sequence[int]
) -> torch.Tensor:
    """kl(student, teacher) in nats before each token of the completion, exact over the vocabulary. Shape: [tokens]."""
    log_p = _log_probabilities(student, student_context, completion)
    log_q = _log_probabilities(teacher, teacher_context, completion)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _log_probabilities(model: Any, context: Sequence[int], completion: Sequence[int]) -> torch.Tensor:
    """Log-probabilities of the next token at each position of the completion. Shape: [tokens, vocabulary]."""
    ids = torch.tensor([[*context, *completion]], device=model.device)
    logits = model(ids).logits[0, len(context) - 1 : -1]
    return logits.float().log_softmax(-1)
