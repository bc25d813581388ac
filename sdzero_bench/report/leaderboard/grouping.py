"""Which runs stand in one table: rows of methods, groups of equal conditions, boards of several tasks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from sdzero_bench.core.dotted import flatten
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.core.text import counted
from sdzero_bench.records.measured import Figure, PolicyEvaluation
from sdzero_bench.records.own_digests import exchanged, require_as_written
from sdzero_bench.records.reader import BASE, FINAL, RunRecord, by_question
from sdzero_bench.report.leaderboard.conditions import (
    PART,
    Conditions,
    conditions,
    differing,
    family,
    key,
    measured_alike,
    options,
    value_in_words,
)
from sdzero_bench.report.leaderboard.revisions import Revisions, revisions
from sdzero_bench.report.submissions.card import Submission, submission_of

BASE_LABEL = "base"


@dataclass(frozen=True)
class Row:
    """A method, or one variant of it, with all its seeds; `policy` is the one that is ranked."""

    label: str
    policy: str
    runs: tuple[RunRecord, ...]

    @property
    def is_base(self) -> bool:
        return self.policy == BASE

    @property
    def is_control(self) -> bool:
        """Whether it stands below the line: compared with the reference, and not ranked."""
        return any(run.result.control for run in self.runs)

    @property
    def submission(self) -> Submission | None:
        """The entry that the row is of, if somebody has submitted it."""
        return submission_of(self.runs[0].folder)

    @property
    def is_ranked(self) -> bool:
        return not self.is_control and (self.submission is None or self.submission.is_verified)

    @property
    def entries(self) -> list[PolicyEvaluation]:
        """The ranked policy as it was measured, one entry per seed."""
        return [entry for run in self.runs if (entry := run.entry(self.policy)) is not None]

    def scores(self, figure: Figure, policy: str | None = None) -> Scores | None:
        """`avg`, `pass`, `maj` or `tokens` by seed and question; None where the task has no such figure.

        `policy` is another measured one than the row's. None, too, if not every seed measured it.
        """
        entries = [entry for run in self.runs if (entry := run.entry(policy or self.policy)) is not None]
        if len(entries) < len(self.runs):
            return None
        rows = by_question(entries, figure)
        return None if rows is None else np.array(rows, dtype=float)

    @cached_property
    def questions(self) -> frozenset[str]:
        """Ids of the test questions."""
        return frozenset(self.entries[0].per_question.avg)

    @cached_property
    def avg(self) -> Scores:
        """avg@k by seed and question. Raises `UserError` if a record has none."""
        scores = self.scores("avg")
        if scores is None:
            raise UserError(
                f"{str(self.runs[0].folder)!r} and its other seeds have no avg of {self.policy!r}; validate the records"
            )
        return scores

    @cached_property
    def revisions(self) -> Revisions:
        """Raises `UserError` if a run did not let this policy revise."""
        return revisions(self.runs, self.policy)


@dataclass(frozen=True)
class Group:
    """Rows under the same conditions. `parts` are the same conditions on fewer of the training questions, fewest first."""

    conditions: Conditions
    rows: tuple[Row, ...]
    parts: tuple[Group, ...] = ()

    @property
    def task(self) -> str:
        return str(self.conditions["task.name"])

    @property
    def questions(self) -> int:
        return int(self.conditions["budget.questions"])

    def row(self, label: str) -> Row | None:
        return next((row for row in self.rows if row.label == label), None)


@dataclass(frozen=True)
class Collection:
    """All of a folder: boards to show, each of one group a task, and what is not ranked."""

    boards: tuple[tuple[Group, ...], ...]
    unfinished: tuple[RunRecord, ...]
    trials: tuple[RunRecord, ...]
    """Runs on validation questions, by which settings were chosen, beside runs on test questions."""
    repeated: tuple[tuple[RunRecord, RunRecord], ...]
    """The same run found twice: the one that counts and the one that does not."""
    outdated: tuple[RunRecord, ...] = ()
    """Of another major bench version than the newest among the runs that were measured alike."""
    evaluations: tuple[RunRecord, ...] = ()
    """Policies that were measured by themselves."""
    edited: tuple[RunRecord, ...] = ()
    """Their figures are not those that the run wrote."""


def collect(records: Sequence[RunRecord]) -> Collection:
    """Sort runs into groups and boards. Raises `UserError` if none is finished and as the run wrote it."""
    finished = [run for run in records if run.finished]
    if not finished:
        raise UserError(
            f"no finished run, but {counted(len(records), 'unfinished one')}; resume first: sdzero-bench run --resume FOLDER"
        )
    edited = tuple(run for run in finished if exchanged(run.folder, run.manifest))
    finished = [run for run in finished if run not in edited]
    if not finished:
        require_as_written(edited[0].folder, edited[0].manifest)
    evaluations = tuple(run for run in finished if run.measured_alone)
    finished = [run for run in finished if not run.measured_alone]
    trials = [run for run in finished if run.config.evaluation.split == "validation"]
    if len(trials) == len(finished):
        trials = []
    current, outdated = _of_newest_version([run for run in finished if run not in trials])
    runs, repeated = _distinct(current)
    groups = _groups(runs)
    unfinished = tuple(run for run in records if not run.finished)
    return Collection(_boards(_with_parts(groups)), unfinished, tuple(trials), repeated, outdated, evaluations, edited)


def _of_newest_version(runs: list[RunRecord]) -> tuple[list[RunRecord], tuple[RunRecord, ...]]:
    """Of runs that were measured alike, those of the newest major version, which are ranked; and all others.

    What others submit does not decide which version that is, unless there is nothing else.
    """
    alike: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        alike[measured_alike(conditions(run))].append(run)
    outdated = []
    for members in alike.values():
        newest = max(run.major for run in [r for r in members if _submitted_as(r) is None] or members)
        outdated += [run for run in members if run.major != newest]
    return [run for run in runs if run not in outdated], tuple(outdated)


def _distinct(runs: list[RunRecord]) -> tuple[list[RunRecord], tuple[tuple[RunRecord, RunRecord], ...]]:
    known: dict[str, RunRecord] = {}
    repeated = []
    for run in runs:
        identity = json.dumps([key(conditions(run)), _variant(run), run.seed, _submitted_as(run)])
        if identity in known:
            repeated.append((known[identity], run))
        else:
            known[identity] = run
    return list(known.values()), tuple(repeated)


def _groups(runs: list[RunRecord]) -> list[Group]:
    """One group for each set of conditions; a run of the base alone joins each group in which policies were measured alike.

    It draws nothing and trains on nothing, so that questions, budget and optimizer mean nothing to it.
    """
    # Each submission by itself, so that none decides what another row is called.
    by_entry: dict[str | None, list[RunRecord]] = defaultdict(list)
    for run in runs:
        by_entry[_submitted_as(run)].append(run)
    labels = {entry: _labels(members) for entry, members in by_entry.items()}
    found = {key(c): c for run in runs if not run.is_base for c in [conditions(run)]}
    by_key: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        if not run.is_base:
            by_key[key(conditions(run))].append(run)
    for run in (run for run in runs if run.is_base):
        own = conditions(run)
        joined = [k for k, c in found.items() if measured_alike(c) == measured_alike(own)]
        for group in joined or [key(own)]:
            by_key[group].append(run)
            found.setdefault(group, own)
    return [Group(found[k], _rows(members, labels)) for k, members in by_key.items()]


def _rows(runs: list[RunRecord], labels: Mapping[str | None, dict[str, str]]) -> tuple[Row, ...]:
    by_label: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.seed):
        entry = _submitted_as(run)
        by_label[labels[entry][_variant(run)] + (f" [{entry}]" if entry else "")].append(run)
    rows = [Row(label, BASE if members[0].is_base else FINAL, tuple(members)) for label, members in sorted(by_label.items())]
    for row in rows:
        for run in row.runs:
            if run.entry(row.policy) is None:
                raise UserError(f"{str(run.folder / 'evaluation.json')!r} has no policy {row.policy!r}; validate the record")
    measured = [run for run in runs if run.entry(BASE) is not None]
    if measured and not any(row.is_base for row in rows):
        # Every run measured the same base on the same random numbers: one of them will do.
        first = min(measured, key=lambda run: (_submitted_as(run) is not None, str(run.folder)))
        rows.insert(0, Row(BASE_LABEL, BASE, (first,)))
    return tuple(rows)


def _submitted_as(run: RunRecord) -> str | None:
    """The name of the entry that a run belongs to; None for a run of nobody's entry."""
    submission = submission_of(run.folder)
    return submission.card.name if submission else None


def _labels(runs: Sequence[RunRecord]) -> dict[str, str]:
    """A row's label for each variant. Of several variants of a method, the one nearest to its defaults has the plain name."""
    labels = {}
    for method in sorted({run.method for run in runs}):
        default = _defaults(method)
        variants = {_variant(run): {**default, **options(run)} for run in runs if run.method == method}
        varied = differing(list(variants.values()))
        plain = min(variants, key=lambda v: (sum(variants[v].get(n) != default.get(n) for n in varied), v))
        for variant, values in variants.items():
            named = [n for n in varied if values.get(n) != variants[plain].get(n)]
            said = ", ".join(f"{name}={value_in_words(values.get(name))}" for name in named)
            labels[variant] = f"{method} ({said})" if said else method
    return labels


def _variant(run: RunRecord) -> str:
    return json.dumps([run.method, {**_defaults(run.method), **options(run)}], sort_keys=True)


@cache
def _defaults(method: str) -> dict[str, Any]:
    """Options of the method as it is installed here: what a record that does not name one was made with."""
    from sdzero_bench.runs import registry

    try:
        return flatten(registry.method(method).Options().model_dump(mode="json"))
    except UserError:  # a plug-in that is not installed here
        return {}


def _with_parts(groups: list[Group]) -> list[Group]:
    """The groups with the most questions of their family, with those limited to the first of them (questions.train) as parts.

    Fewer questions without that limit are other questions, such as those of another version of a data set.
    """
    families: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        families[family(group.conditions)].append(group)
    full = []
    for members in families.values():
        most = max(group.questions for group in members)
        parts = [g for g in members if g.questions < most and g.conditions["questions.train"] is not None]
        parts.sort(key=lambda g: (g.questions, key(g.conditions)))
        whole = [g for g in members if g not in parts]
        full += [Group(g.conditions, g.rows, tuple(parts) if g.questions == most else ()) for g in whole]
    return full


def _boards(groups: list[Group]) -> tuple[tuple[Group, ...], ...]:
    """Groups that differ in their task alone, side by side; a task that occurs twice among them keeps all of them apart."""
    alike: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        alike[key(group.conditions, ("task", "test set", *PART))].append(group)
    boards: list[tuple[Group, ...]] = []
    for _, members in sorted(alike.items()):
        members.sort(key=lambda group: (group.task, -group.questions, key(group.conditions)))
        apart = len({group.task for group in members}) < len(members)
        boards += [(group,) for group in members] if apart else [tuple(members)]
    return tuple(boards)
