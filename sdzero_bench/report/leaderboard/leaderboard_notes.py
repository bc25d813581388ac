"""The notes below the tables of a leaderboard."""

from __future__ import annotations

from collections import Counter, defaultdict

from sdzero_bench.core.bench_version import UNVERSIONED, in_order
from sdzero_bench.core.provenance import CHANGED
from sdzero_bench.core.stats.footnotes import EXPLORED, INTERVALS, marks
from sdzero_bench.core.text import counted, listed, percent
from sdzero_bench.records.own_digests import exchanged, lacks_digests
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.report.leaderboard import families, submission_notes
from sdzero_bench.report.leaderboard.columns import COLUMNS
from sdzero_bench.report.leaderboard.commit_marks import commits, footnotes
from sdzero_bench.report.leaderboard.comparison_notes import detectable, far_seeds, pairing
from sdzero_bench.report.leaderboard.conditions import value_in_words
from sdzero_bench.report.leaderboard.grouping import Collection
from sdzero_bench.report.leaderboard.leaderboard import Standing, TaskTable

FEW = 30
"""Questions, below which Student's t and the bootstrap are not to be relied on."""


def of_the_table(table: TaskTable) -> list[str]:
    return [
        _questions(table),
        _settings(table),
        *_version(table),
        *_seeds(table),
        *far_seeds(table.rows),
        INTERVALS,
        *_few(table),
        *_families(table),
        *_ranks(table),
        *_supervision(table),
        *footnotes(table),
        *submission_notes.of_the_table(table),
        *_failures(table),
    ]


def of_the_pairs(table: TaskTable) -> list[str]:
    return [
        f"Marks: * significant, = equivalent. {EXPLORED} Where a pair is also in the table above, its mark there counts: that "
        "comparison was fixed in advance, and is corrected.",
        *pairing(table.pairs),
    ]


def of_the_costs(table: TaskTable) -> list[str]:
    runs = sum(len(standing.row.runs) for standing in table.standings)
    samples = sum(s.cost.evaluation_samples * len(s.row.runs) for s in table.standings)
    tokens = sum(s.cost.evaluation_tokens * len(s.row.runs) for s in table.standings)
    lines = [
        "What training used; means over seeds.",
        *(COLUMNS[name].note for name in ("share", "trained", "hours", "gain")),
        f"Evaluation is not charged and not included: {samples:,.0f} samples and {tokens:,.0f} tokens in "
        f"{counted(runs, 'run')}.",
    ]
    if not any(s.row.is_base for s in table.standings):
        lines.append("The base was not measured, so the gain per sample is unknown.")
    return lines


def of_the_curve() -> list[str]:
    return [
        "Filled points: final policies, on parts of the training questions and on all of them. Open points: intermediate "
        "policies of a run. Bars: 95 % intervals; points are shifted slightly sideways so that none is hidden."
    ]


def of_the_runs(collection: Collection) -> list[str]:
    lines = [f"{run.run_id} is unfinished (state: {run.state_in_words})." for run in collection.unfinished]
    lines += [
        f"{_folder(run)} is not ranked, since it was changed after the run had ended "
        f"({', '.join(exchanged(run.folder, run.manifest))}); see `sdzero-bench validate`."
        for run in collection.edited
    ]
    ranked = [run for board in collection.boards for group in board for row in group.rows for run in row.runs]
    if without := {run.folder for run in ranked if lacks_digests(run.manifest)}:
        lines.append(f"{counted(len(without), 'run')} without digests, whose figures only `sdzero-bench validate` can check.")
    lines += [
        f"The run in {_folder(repeated)} is the same as that in {_folder(kept)} (method, options, seed and all conditions); it "
        f"is counted once."
        for kept, repeated in collection.repeated
    ]
    by_id: dict[str, set[str]] = defaultdict(set)
    for run in ranked:
        by_id[run.run_id].add(str(run.folder))
    lines += [
        f"{len(folders)} runs with different seeds, options or conditions share the id {run_id}; all of them are counted."
        for run_id, folders in by_id.items()
        if len(folders) > 1
    ]
    lines += _outdated(collection)
    lines += _sources(collection)
    if collection.trials:
        lines.append(f"{counted(len(collection.trials), 'run')} on validation questions, used to choose settings, not ranked.")
    return lines


def _outdated(collection: Collection) -> list[str]:
    """A line for each method whose runs are of another major bench version than those that are ranked."""
    found: dict[tuple[str, str, str], list[RunRecord]] = defaultdict(list)
    for run in collection.outdated:
        found[run.method, run.task, run.manifest.bench_version].append(run)
    lines = []
    for (method, task, version), runs in sorted(found.items()):
        averages = ", ".join(f"{percent(run.evaluation[-1].avg_at_k)} ({run.seed})" for run in runs)
        lines.append(
            f"bench version {version}, not ranked: {method} on {task}, avg@{runs[0].evaluation[-1].samples_per_question} (%) "
            f"by seed, seed in brackets: {averages}. Figures of different major versions are not comparable."
        )
    return lines


def _sources(collection: Collection) -> list[str]:
    """Whether all runs were made by the same code; nothing where they were."""
    found: Counter[str] = Counter()
    runs = {run.folder: run for board in collection.boards for group in board for row in group.rows for run in row.runs}
    for run in runs.values():
        found.update(set(commits(run)))
    if len(found) <= 1 and not any(commit.endswith(CHANGED) for commit in found):
        return []
    each = [
        f"{commit[:7]}{' with uncommitted changes' if commit.endswith(CHANGED) else ''} ({counted(count, 'run')})"
        for commit, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    several = f"different commits of this project: {', '.join(each)}" if len(found) > 1 else f"commit {each[0]}"
    twice = sum(found.values()) > len(runs)
    return [f"The runs come from {several}.{' A run that was resumed counts for each of its commits.' if twice else ''}"]


def _folder(run: RunRecord) -> str:
    return f"{run.folder.parent.name}/{run.folder.name}"


def rank(standing: Standing) -> str:
    """The cell of a table: the rank, or why there is none."""
    if standing.rank is not None:
        return str(standing.rank)
    return "control" if standing.row.is_control else submission_notes.rank(standing)


def probability(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def _questions(table: TaskTable) -> str:
    c = table.group.conditions
    measured = table.standings[0].row.entries[0].questions
    split = table.standings[0].row.runs[0].config.evaluation.split
    which = counted(measured, "question" if split == "test" else f"{split} question")
    which += "" if split == "test" else ", and not on test questions,"
    tokens = c.get("budget.training_tokens")
    limit = f" and {tokens:,} trained tokens" if tokens else ""
    return (
        f"Measured on {which} (test set {c['test set']}), {counted(table.samples_per_question, 'sample')} each. Budget: "
        f"{counted(c['budget.questions'], 'training question')} (question set {c['question set']}), "
        f"{counted(c['budget.samples'], 'sample')} of "
        f"at most {c['budget.new_tokens_per_sample']:,} new tokens{limit}."
    )


def _settings(table: TaskTable) -> str:
    grid = table.group.conditions["tuning"]
    if grid is None:
        return "Settings: those that each method, or the preset for it, declares, and one optimizer for all; tuned for none."
    trials = sorted({len(run.tuning.trials) for row in table.rows for run in row.runs if run.tuning})
    over = "over the search space that each method declares" if isinstance(grid, int) else value_in_words(grid)
    return f"Settings: tuned {over}, {' or '.join(map(str, trials))} trials per method on validation questions."


def _version(table: TaskTable) -> list[str]:
    """Nothing for records from before there was a version."""
    found = {run.manifest.bench_version for row in table.rows for run in row.runs}
    versions = listed(sorted(found, key=in_order))
    return [] if found == {UNVERSIONED} else [f"Bench version: {versions}."]


def _seeds(table: TaskTable) -> list[str]:
    trained = [standing for standing in table.standings if not standing.row.is_base]
    means = "; ".join(
        f"{s.label} {', '.join(f'{percent(mean)} ({seed})' for seed, mean in s.by_seed.items())}" for s in trained
    )
    lines = [f"avg@{table.samples_per_question} (%) by seed, seed in brackets: {means}."] if means else []
    single = [s.label for s in trained if len(s.row.runs) == 1]
    if single:
        lines.append(
            f"1 seed: {listed(single)}. Their intervals cover questions only, not the variation between training seeds; "
            f"so do their differences from the base and from each other. A difference from a row of several seeds assumes "
            f"that theirs would vary as much as its seeds do."
        )
    return lines


def _few(table: TaskTable) -> list[str]:
    """What an interval does not say where few questions were measured, or none differs from the others."""
    questions = table.rows[0].avg.shape[1]
    flat = any(found and found.high == found.low for s in table.standings for found in (s.avg, s.best, s.majority))
    lines = []
    if questions < FEW:
        lines.append(
            f"Only {counted(questions, 'question')}: intervals of so few are too narrow, and verdicts on them are rough."
        )
    if flat and questions > 1:
        lines.append(
            f"A zero-width interval means that all {questions:,} questions scored alike; of other questions, up to "
            f"{100 * (1 - 0.05 ** (1 / questions)):.1f} % may not (95 % confidence)."
        )
    return lines


def _families(table: TaskTable) -> list[str]:
    """Of the comparisons with the reference, and with the base."""
    lines = []
    for label in dict.fromkeys(name for name in (table.reference, table.base) if name):
        pairs = [p for s in table.standings for p in (s.over_reference, s.over_base) if p and p.before == label]
        pairs = list({pair.after: pair for pair in pairs}.values())
        lines += [f"Δ vs {label}: {marks(families.in_words(label), table.margin)}", *pairing(pairs), *detectable(pairs)]
    return lines


def _ranks(table: TaskTable) -> list[str]:
    if not table.pairs:
        return []
    lines = [
        "rank: 1 + the number of methods that are significantly better. group: methods that share a letter do not differ "
        f"significantly. Both follow from the differences between all pairs of methods. {EXPLORED}"
    ]
    if controls := [s.label for s in table.standings if s.row.is_control]:
        lines.append(
            f"Controls, which are not ranked: {listed(controls)}. What they gain does not come from a verifier's rewards."
        )
    return lines


def _supervision(table: TaskTable) -> list[str]:
    """What methods that read gold answers read where there is no answer to vote on."""
    if any(s.majority for s in table.standings) or not any("gold answers" in s.supervision for s in table.standings):
        return []
    return ["gold answers: this task has no answers other than its gold solutions, which these methods read instead."]


def _failures(table: TaskTable) -> list[str]:
    measured = sum(standing.unverified for standing in table.standings)
    training = sum(standing.cost.verifier_failures for standing in table.standings)
    if not measured and not training:
        return []
    return [
        f"The verifier failed on {measured:,} evaluation and {training:,} training samples (time-outs or errors); they count "
        f"neither as correct nor as incorrect."
    ]
