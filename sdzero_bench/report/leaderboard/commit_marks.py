"""Marks of rows whose runs were not all made by the commit that made more of their table than any other."""

from __future__ import annotations

from collections import Counter

from sdzero_bench.core.provenance import CHANGED
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.report.leaderboard.leaderboard import TaskTable

OTHER, UNCOMMITTED = "†", "‡"


def commits(run: RunRecord) -> list[str]:
    """Those that worked on a run: of its first session, and of those that resumed it. Unknown ones are left out."""
    made_by = [run.manifest.versions, *(session.versions for session in run.manifest.sessions)]
    return [commit for versions in made_by if (commit := versions.get("commit"))]


def usual(table: TaskTable) -> str | None:
    """The commit that made more runs of the ranked rows than any other, or the first of such. None if no commit is known."""
    rows = [row for row in table.rows if row.is_ranked] or table.rows
    found = Counter(commit.removesuffix(CHANGED) for row in rows for run in row.runs for commit in set(commits(run)))
    return min(found, key=lambda commit: (-found[commit], commit), default=None)


def marked(table: TaskTable) -> dict[str, str]:
    """Labels of the rows, each with its marks."""
    most, labels = usual(table), {}
    for row in table.rows:
        made_by = {commit for run in row.runs for commit in commits(run)}
        other = any(commit.removesuffix(CHANGED) != most for commit in made_by)
        changed = any(commit.endswith(CHANGED) for commit in made_by)
        labels[row.label] = f"{row.label} {OTHER * other}{UNCOMMITTED * changed}".rstrip()
    return labels


def footnotes(table: TaskTable) -> list[str]:
    """What the marks of a table mean; nothing where no row has one."""
    text, most = "".join(marked(table).values()), usual(table) or ""
    meanings = {
        OTHER: f"{OTHER}: with runs of another commit of this project than {most[:7]}, which made more of this table than "
        "any other.",
        UNCOMMITTED: f"{UNCOMMITTED}: with runs of code that was not committed.",
    }
    return [meaning for mark, meaning in meanings.items() if mark in text]
