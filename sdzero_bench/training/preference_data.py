"""Verified samples as preferences: pairs of a right and a wrong one, or single ones that are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.training.supervised import full_batches, order_of_training


@dataclass(frozen=True)
class PreferencePair:
    """Two responses to one prompt, as token ids."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]
    passes: ClassVar[int] = 2
    """How often its tokens are read: with a gradient, and by the reference policy."""

    @property
    def tokens(self) -> int:
        """Tokens that the policy reads: the prompt twice."""
        return 2 * len(self.prompt) + len(self.chosen) + len(self.rejected)


@dataclass(frozen=True)
class Judged:
    """One response to a prompt, as token ids, and whether it is desirable."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    right: bool
    passes: ClassVar[int] = 4
    """As those of a pair, and once more each for the KL, with the completion of another row."""

    @property
    def tokens(self) -> int:
        return len(self.prompt) + len(self.completion)


def order_of_preference(
    name: str, rows: Sequence[PreferencePair] | Sequence[Judged], epochs: float, config: RunConfig
) -> list[int]:
    """Indices of the rows in training order, for all epochs. Raises `UserError` if there are none."""
    batch = config.optimizer.batch_size
    order = order_of_training([row.tokens for row in rows], epochs, batch, config.seed) if rows else []
    if not order:
        raise UserError(
            f"{name}: no question has a correct and an incorrect sample; use more questions or more samples of each"
        )
    return full_batches(order, batch)
