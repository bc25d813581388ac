"""What a leaderboard says of rows that others have submitted: the mark in place of a rank, and the notes."""

from __future__ import annotations

from typing import Any

from sdzero_bench.report.leaderboard.leaderboard import Standing, TaskTable
from sdzero_bench.report.submissions.card import Submission

MEANINGS = {
    "unverified": "its records follow from their samples, and no maintainer has run a seed of it again yet",
    "not reproduced": "a maintainer has run a seed of it again, and its figures did not come out",
    "altered": "its records are not those that its card was written for",
}
"""Of each status without a rank."""


def rank(standing: Standing) -> str:
    """`(2) unverified`: the rank that it would have, and its status."""
    submission = standing.row.submission
    return f"({standing.place}) {submission.status if submission else ''}"


def of_the_table(table: TaskTable) -> list[str]:
    """What each status means, and who made each entry."""
    found = {s.label: s.row.submission for s in table.standings if s.row.submission and not s.row.is_base}
    lines = [
        f"{status}: {meaning}. In brackets: the rank that it would have. No other row's rank or group counts it."
        for status, meaning in MEANINGS.items()
        if any(submission.status == status for submission in found.values())
    ]
    return [*lines, *(f"{label}: {_entry(submission)}." for label, submission in found.items())]


def as_data(standing: Standing) -> dict[str, Any]:
    """For leaderboard.json; nothing of a row that nobody has submitted."""
    submission = standing.row.submission
    return {"submission": {"status": submission.status, "place": standing.place}} if submission else {}


def _entry(submission: Submission) -> str:
    card, check = submission.card, submission.card.verification
    parts = [f"submitted by {card.by} on {card.date}" + (f", {card.link}" if card.link else "")]
    if card.unused_budget:
        parts.append(f"less than the budget was used: {card.unused_budget}")
    if check is not None:
        parts.append(f"seed {check.seed} was run again by {check.by} on {check.date}: {check.said}")
    return "; ".join(parts)
