"""Two runs, question by question: the paired difference, and the questions that became correct or incorrect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.stats.contrast import contrast
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import difference, mean
from sdzero_bench.core.stats.significance import MARGIN, SIGNIFICANT, Decision, decide
from sdzero_bench.core.text import numeric_order
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.records.own_digests import require_as_written
from sdzero_bench.records.part import as_json
from sdzero_bench.records.question_sets import read_questions
from sdzero_bench.records.reader import BASE, FINAL, RunRecord, by_question
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.report.leaderboard.conditions import NOT_CONDITIONS, differing, in_words

RIGHT = 0.5
"""A question counts as correct if at least this share of its samples is."""


@dataclass(frozen=True)
class Side:
    """One run of a comparison, and which of its policies."""

    run: RunRecord
    policy: str
    avg: Estimate


@dataclass(frozen=True)
class Change:
    """A question that is correct in one run and not in the other. Scores are the shares of correct samples."""

    id: str
    before: float
    after: float
    text: str
    answer: str
    response_before: str | None
    """The first sample that shows the change: correct if the question was correct before, else incorrect."""
    response_after: str | None


@dataclass(frozen=True)
class Comparison:
    """`after` - `before`, paired by question."""

    before: Side
    after: Side
    difference: Estimate
    p: float
    p_equivalent: float
    """Of equivalence within `MARGIN`."""
    detectable: float | None
    """The smallest true difference that is found with 80 % power, at this standard error."""
    questions: int
    warnings: tuple[str, ...]
    gained: tuple[Change, ...]
    """From incorrect to correct, the largest change first."""
    lost: tuple[Change, ...]

    @property
    def decision(self) -> Decision:
        return decide(self.difference.mean, self.p, p_equivalent=self.p_equivalent)

    def as_dict(self) -> dict[str, Any]:
        sides = {
            name: {"run_id": side.run.run_id, "policy": side.policy, "avg": side.avg.as_dict()}
            for name, side in (("before", self.before), ("after", self.after))
        }
        changes = {"gained": [asdict(c) for c in self.gained], "lost": [asdict(c) for c in self.lost]}
        figures = {"difference": self.difference.as_dict(), "p": self.p, "questions": self.questions}
        more = {"p_equivalent": self.p_equivalent, "detectable": self.detectable, "decision": self.decision}
        return {**sides, **figures, **more, "warnings": list(self.warnings), **changes}


def compare_runs(before: RunRecord, after: RunRecord, policy: str | None = None) -> Comparison:
    """Compare a policy of two runs; by default the final one, or the base if a run measured only that.

    Raises `UserError` if a run is unfinished, was edited or has no such policy, or if the two were not measured alike: on other
    test questions, or with other settings of evaluation.
    """
    for run in (before, after):
        if not run.finished:
            raise UserError(f"{str(run.folder)!r} is not finished (state: {run.state_in_words}); resume it first")
        require_as_written(run.folder, run.manifest)
    _require_measured_alike(before, after)
    entries = [_entry(run, policy) for run in (before, after)]
    rows = by_question(entries, "avg")
    if rows is None:
        raise UserError("one of the runs has no avg by question; validate the records")
    first, second = (np.array([row]) for row in rows)
    sides = [Side(r, e.policy, mean(s)) for r, e, s in zip((before, after), entries, (first, second), strict=True)]
    gained, lost = _changes(sides[0], sides[1], numeric_order(entries[0].per_question.avg), rows)
    found = contrast(first, second)
    return Comparison(
        before=sides[0],
        after=sides[1],
        difference=difference(first, second),
        p=found.p_value(),
        p_equivalent=found.p_equivalent(MARGIN),
        detectable=found.detectable(SIGNIFICANT),
        questions=len(rows[0]),
        warnings=tuple(_warnings(before, after)),
        gained=gained,
        lost=lost,
    )


def _require_measured_alike(before: RunRecord, after: RunRecord) -> None:
    if before.major != after.major:
        versions = f"{before.manifest.bench_version} and {after.manifest.bench_version}"
        raise UserError(f"the runs were made under bench versions {versions}; those of two major versions do not compare")
    if before.manifest.test_set != after.manifest.test_set:
        sets = f"{before.manifest.test_set} and {after.manifest.test_set}"
        raise UserError(f"the runs answered different test questions (test sets {sets}); only equal ones can be compared")
    settings = [flatten({"evaluation": run.config.evaluation.model_dump(mode="json")}) for run in (before, after)]
    if names := [name for name in differing(settings) if name not in NOT_CONDITIONS]:
        said = " against ".join(in_words(found, names) for found in settings)
        raise UserError(f"the runs were measured differently: {said}; only equal evaluations can be compared")


def _warnings(before: RunRecord, after: RunRecord) -> Iterator[str]:
    """What else than the method may explain the difference, or why there is none."""
    if before.folder.resolve() == after.folder.resolve():
        yield "both are the same run"
    sets = [run.manifest.question_set for run in (before, after)]
    if sets[0] != sets[1]:
        yield f"they trained on different questions: question sets {sets[0]} and {sets[1]}"
    budgets = [flatten({"budget": {**as_json(run.result.budget), "question_set": None}}) for run in (before, after)]
    if names := differing(budgets):
        yield f"their budgets differ: {' against '.join(in_words(found, names) for found in budgets)}"
    models = [run.config.model.name for run in (before, after)]
    if models[0] != models[1]:
        yield f"they started from different models: {models[0]} and {models[1]}"


def _entry(run: RunRecord, policy: str | None) -> PolicyEvaluation:
    wanted = policy or (BASE if run.is_base else FINAL)
    entry = run.entry(wanted)
    if entry is None:
        raise unknown(f"policy of {str(run.folder)!r}", wanted, [entry.policy for entry in run.evaluation])
    return entry


def _changes(before: Side, after: Side, order: list[str], rows: list[list[float]]) -> tuple[tuple[Change, ...], ...]:
    """Questions gained and lost, each with its text and one response of either side."""
    changed = [(q, b, a) for q, b, a in zip(order, *rows, strict=True) if (b >= RIGHT) != (a >= RIGHT)]
    changed.sort(key=lambda change: -abs(change[2] - change[1]))  # stable: ties stay in the order of the questions
    gained = {q for q, _, a in changed if a >= RIGHT}
    ids = {q for q, _, _ in changed}
    asked = {line.id: line for line in read_questions(before.run.folder, read_manifest(before.run.folder)).test}
    if missing := ids - asked.keys():
        raise UserError(f"the questions of {str(before.run.folder)!r} lack {min(missing)!r}; validate the record")
    responses = [
        _responses(before, {q: q not in gained for q in ids}),
        _responses(after, {q: q in gained for q in ids}),
    ]
    changes = [Change(q, b, a, asked[q].text, asked[q].answer, responses[0].get(q), responses[1].get(q)) for q, b, a in changed]
    return tuple(c for c in changes if c.id in gained), tuple(c for c in changes if c.id not in gained)


def _responses(side: Side, wanted: dict[str, bool]) -> dict[str, str]:
    """For each question the first sample that is correct, or incorrect, as wanted."""
    found: dict[str, str] = {}
    if wanted:
        for row in RecordedJournal(side.run.folder).whole_rows(f"evaluation.{side.policy}"):
            question, reward = row["question_id"], row["verdict"]["reward"]
            if question in wanted and question not in found and reward is not None and (reward == 1.0) == wanted[question]:
                found[question] = row["text"]
    return found
