"""Micro-batches: rows of similar length, of bounded size, without the padding of the batch that they are taken from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Batch = dict[str, Tensor]
"""A padded batch of B rows: contexts [B, P] padded on the left, whose names begin with `prompt` or `teacher`; everything about
the completions [B, C] padded on the right; figures of the rows [B]; figures of the batch, without dimensions."""

LEFT = ("prompt", "teacher")
"""First words of the names of what is padded on the left."""


@dataclass(frozen=True)
class MicroBatchLimits:
    """How much goes through a model at once."""

    rows: int
    tokens: int | None = None
    """Rows times the width of the longest input, padding included; a single row may be longer. None: no limit."""


@dataclass(frozen=True)
class RowLength:
    """Tokens of one row without padding: of its longest context, and of its completion."""

    context: int
    completion: int


def row_lengths(batch: Batch) -> list[RowLength]:
    """The lengths of all rows, from the batch's masks."""
    (right,) = {"completion_mask", "attention_mask"} & batch.keys()
    contexts = [mask.sum(1) for name, mask in batch.items() if name.endswith("_mask") and name.startswith(LEFT)]
    longest = torch.stack(contexts).amax(0) if contexts else torch.zeros(len(batch[right]))
    return [RowLength(int(c), int(y)) for c, y in zip(longest.tolist(), batch[right].sum(1).tolist(), strict=True)]


def grouped(lengths: Sequence[RowLength], limits: MicroBatchLimits) -> list[list[int]]:
    """Indices of the rows of each micro-batch, the longest rows first; every row is in one micro-batch."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i].context - lengths[i].completion, i))
    groups: list[list[int]] = []
    context = completion = 0
    for i in order:
        wider = max(context, lengths[i].context), max(completion, lengths[i].completion)
        rows = len(groups[-1]) + 1 if groups else 1
        if groups and rows <= limits.rows and (limits.tokens is None or rows * sum(wider) <= limits.tokens):
            groups[-1].append(i)
            context, completion = wider
        else:
            groups.append([i])
            context, completion = lengths[i].context, lengths[i].completion
    return groups


def split_to(groups: Sequence[Sequence[int]], count: int) -> list[list[int]]:
    """The same rows in `count` groups, by halving the groups with most rows. `count` is at least the number of groups, and at
    most that of rows."""
    result = [list(group) for group in groups]
    while len(result) < count:
        largest = max(range(len(result)), key=lambda i: len(result[i]))
        rows = result[largest]
        result[largest : largest + 1] = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
    return result


def trimmed(batch: Batch, rows: Sequence[int]) -> Batch:
    """These rows of the batch, without the columns that are padding in all of them. Completions keep at least one column."""
    (right,) = {"completion_mask", "attention_mask"} & batch.keys()
    width = batch[right].shape[1]
    result: Batch = {}
    for name, value in batch.items():
        if not isinstance(value, Tensor) or value.dim() == 0:
            result[name] = value
            continue
        own = value[list(rows)]
        if own.dim() > 1 and name.startswith(LEFT):
            own = own[:, own.shape[1] - _longest(batch[f"{name.partition('_')[0]}_mask"], rows) :]
        elif own.dim() > 1 and own.shape[1] == width:
            own = own[:, : max(1, _longest(batch[right], rows))]
        result[name] = own
    return result


def _longest(mask: Tensor, rows: Sequence[int]) -> int:
    return int(mask[list(rows)].sum(1).max())
