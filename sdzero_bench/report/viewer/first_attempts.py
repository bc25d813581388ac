"""Which sample a revision revises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample

REVISION = ".revision"
FIRST = ("", ".initial", ".first", ".sample")
"""Endings of the phase that drew the first attempts: `evaluation.final` has `evaluation.final.revision`, `srt.initial` has
`srt.revision`."""


def first_attempts(samples: Sequence[Sample]) -> dict[int, int]:
    """Positions of first attempts among the samples of one run, by those of their revisions.

    The prefix of a revision begins with the text of its first attempt. Of several that fit, it is the one with the longest
    text, and of those with the same text the one of the same index, if there is one.
    """
    firsts: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, sample in enumerate(samples):
        if not sample.prefix:
            firsts[sample.phase, sample.question_id].append(position)
    found = {}
    for position, sample in enumerate(samples):
        if sample.prefix and sample.phase.endswith(REVISION):
            stem = sample.phase.removesuffix(REVISION)
            candidates = [p for ending in FIRST for p in firsts.get((stem + ending, sample.question_id), ())]
            fitting = [p for p in candidates if sample.prefix.startswith(samples[p].text)]
            if fitting:
                found[position] = max(fitting, key=lambda p: (len(samples[p].text), samples[p].index == sample.index))
    return found
