"""How a policy's responses changed when it revised them, counted from the journals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.intervals import ratio
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.core.text import numeric_order
from sdzero_bench.records.packed_lines import read_lines
from sdzero_bench.records.reader import RunRecord


@dataclass(frozen=True)
class Revisions:
    """Counts of first responses by whether they, and their revisions, were correct; samples that failed to verify are left out.

    Each has the shape [seeds, questions]. `tokens` are means per question of the revised responses.
    """

    wrong: Scores
    fixed: Scores
    right: Scores
    broken: Scores
    tokens: Scores

    @property
    def wrong_to_right(self) -> Scores | None:
        """Of incorrect first responses, the share whose revision is correct; None if none was incorrect."""
        return ratio(self.fixed, self.wrong)

    @property
    def right_to_wrong(self) -> Scores | None:
        """Of correct first responses, the share whose revision is incorrect; None if none was correct."""
        return ratio(self.broken, self.right)

    @property
    def revised(self) -> Scores | None:
        """Accuracy after revision."""
        return ratio(self.fixed + self.right - self.broken, self.wrong + self.right)

    @property
    def gain(self) -> Scores:
        """Accuracy after revision minus accuracy of the first responses, by question."""
        return (self.fixed - self.broken) / np.maximum(self.wrong + self.right, 1)


def revisions(runs: Sequence[RunRecord], policy: str) -> Revisions:
    """Raises `UserError` if a run did not let this policy revise."""
    counted = [_of_run(run, policy) for run in runs]
    return Revisions(*(np.stack([getattr(one, name) for one in counted]) for name in Revisions.__dataclass_fields__))


def _of_run(run: RunRecord, policy: str) -> Revisions:
    """Shape of each: [questions], in `numeric_order` of their ids."""
    entry = run.entry(policy)
    if entry is None or entry.revision is None:
        raise UserError(f"{str(run.folder)!r} did not let {policy!r} revise (evaluation.revise)")
    order = {question: i for i, question in enumerate(numeric_order(entry.per_question.avg))}
    journal = run.folder / "journal"
    first = {(r["question_id"], r["index"]): _reward(r) for r in read_lines(journal / f"evaluation.{policy}.jsonl")}
    counts = np.zeros((4, len(order)))
    tokens, drawn = np.zeros(len(order)), np.zeros(len(order))
    for revised in read_lines(journal / f"evaluation.{policy}.revision.jsonl"):
        i = order[revised["question_id"]]
        tokens[i] += len(revised["token_ids"])
        drawn[i] += 1
        before, after = first[revised["question_id"], revised["index"]], _reward(revised)
        if before is None or after is None:
            continue
        was_right = before == 1.0
        counts[2 if was_right else 0, i] += 1
        counts[3 if was_right else 1, i] += (after == 1.0) != was_right
    wrong, fixed, right, broken = counts
    return Revisions(wrong, fixed, right, broken, tokens / np.maximum(drawn, 1))


def _reward(row: dict[str, Any]) -> float | None:
    reward: float | None = row["verdict"]["reward"]
    return reward
