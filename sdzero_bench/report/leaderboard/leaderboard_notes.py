"""What a reader has to know beside the figures of a leaderboard, in sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sdzero_bench.core.text import percent
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.report.leaderboard.conditions import value_in_words
from sdzero_bench.report.leaderboard.costs import ACCELERATOR, CPU
from sdzero_bench.report.leaderboard.grouping import Collection
from sdzero_bench.report.leaderboard.leaderboard import SIGNIFICANT, Standing, TaskTable


def of_the_table(table: TaskTable) -> list[str]:
    return [
        _questions(table),
        _settings(table),
        *_seeds(table),
        "Intervals: 95 %, BCa bootstrap over questions, and over seeds where there are several; differences are paired.",
        *_ranks(table),
        *_failures(table),
    ]


def of_the_costs(table: TaskTable) -> list[str]:
    runs = sum(len(standing.row.runs) for standing in table.standings)
    samples = sum(s.cost.evaluation_samples * len(s.row.runs) for s in table.standings)
    tokens = sum(s.cost.evaluation_tokens * len(s.row.runs) for s in table.standings)
    units = {s.cost.unit for s in table.standings if s.cost.hours}
    said = [
        "Means over seeds of what training used. Trained tokens went through a model forward or backward.",
        f"Evaluation is not charged and not in these rows: {samples:,.0f} samples and {tokens:,.0f} tokens in {runs} runs.",
    ]
    if CPU in units:
        said.append("CPU hours: wall time times the threads that computed.")
    if ACCELERATOR in units:
        said.append("Accelerator hours: time times the accelerators in use.")
    if not any(s.row.is_base for s in table.standings):
        said.append("The base was not measured, so no gain per sample is known.")
    return said


def of_the_curve() -> list[str]:
    return [
        "Filled points: final policies, on parts of the training questions and on all of them. Open points: policies that a "
        "run measured on its way. Bars: 95 % intervals; points are set a little to the side so that all of them are seen."
    ]


def of_the_runs(collection: Collection) -> list[str]:
    lines = [f"{run.run_id} is unfinished (state: {run.state})." for run in collection.unfinished]
    lines += [
        f"{repeated.run_id} is the same run as {kept.run_id} (method, options, seed and all conditions); it was counted once."
        for kept, repeated in collection.repeated
    ]
    by_id: dict[str, set[str]] = defaultdict(set)
    for run in (run for board in collection.boards for group in board for row in group.rows for run in row.runs):
        by_id[run.run_id].add(str(run.folder))
    lines += [
        f"{run_id} is the id of {len(folders)} runs that differ in seed, options or conditions; all of them are counted."
        for run_id, folders in by_id.items()
        if len(folders) > 1
    ]
    if collection.trials:
        lines.append(f"{len(collection.trials)} runs on validation questions, which serve to choose settings.")
    return lines


def probability(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def _questions(table: TaskTable) -> str:
    c = table.group.conditions
    measured = table.standings[0].row.entries[0]["questions"]
    tokens = c.get("budget.training_tokens")
    limit = f" and {tokens:,} trained tokens" if tokens else ""
    return (
        f"Measured on {measured:,} questions (test set {c['test set']}), {table.samples_per_question} samples each. Budget: "
        f"{c['budget.questions']:,} training questions (question set {c['question set']}), {c['budget.samples']:,} samples of "
        f"at most {c['budget.new_tokens_per_sample']:,} new tokens{limit}."
    )


def _settings(table: TaskTable) -> str:
    grid = table.group.conditions["tuning"]
    if grid is None:
        return "Settings: shared by all methods, tuned for none of them."
    trained = [standing for standing in table.standings if not standing.row.is_base and standing.row.runs[0].tuning]
    trials = sorted({len(_tuning(standing.row.runs[0])["trials"]) for standing in trained})
    chosen = "; ".join(f"{s.label} " + ", ".join(_chosen(s)) for s in trained)
    count = " or ".join(map(str, trials))
    return f"Settings: tuned {value_in_words(grid)}, {count} trials a method on validation questions. Chosen: {chosen}."


def _chosen(standing: Standing) -> list[str]:
    """What was chosen; where seeds say different things, each of them."""
    said = [", ".join(f"{n}={value_in_words(v)}" for n, v in _tuning(run)["chosen"].items()) for run in standing.row.runs]
    return list(dict.fromkeys(said))


def _tuning(run: RunRecord) -> dict:
    return run.tuning or {"trials": [], "chosen": {}}


def _seeds(table: TaskTable) -> list[str]:
    trained = [standing for standing in table.standings if not standing.row.is_base]
    listed = "; ".join(
        f"{s.label} {', '.join(f'{percent(mean)} ({seed})' for seed, mean in s.by_seed.items())}" for s in trained
    )
    lines = [f"Seed by seed, avg@{table.samples_per_question} % (seed): {listed}."] if listed else []
    single = [s.label for s in trained if len(s.row.runs) == 1]
    if single:
        lines.append(
            f"1 seed: {_listed(single)}. Such an interval covers questions only, and says nothing of how training varies from "
            f"seed to seed."
        )
    return lines


def _ranks(table: TaskTable) -> list[str]:
    if not table.pairs:
        return []
    significant = sum(pair.significant for pair in table.pairs)
    compared = (
        f"{significant} of {len(table.pairs)} pairs differ significantly"
        if len(table.pairs) > 1
        else ("the one pair differs significantly" if significant else "the one pair does not differ significantly")
    )
    marked = f" * marks such a difference to {table.reference}." if table.reference else " * marks such a difference."
    return [
        f"Rank: 1 + the number of methods that are significantly better: Holm-corrected p < {SIGNIFICANT:g} over all pairs of "
        f"this table. {compared[0].upper()}{compared[1:]}.{marked}"
    ]


def _failures(table: TaskTable) -> list[str]:
    measured = sum(standing.unverified for standing in table.standings)
    training = sum(standing.cost.verifier_failures for standing in table.standings)
    if not measured and not training:
        return []
    return [
        f"The verifier failed on {measured:,} evaluation and {training:,} training samples (time-outs or errors); they count "
        f"neither as right nor as wrong."
    ]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
