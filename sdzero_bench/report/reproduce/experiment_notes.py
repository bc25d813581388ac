"""The notes below the tables of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.footnotes import INTERVALS, marks
from sdzero_bench.core.text import counted
from sdzero_bench.report.leaderboard.columns import Shown
from sdzero_bench.report.leaderboard.comparison_notes import detectable, far_seeds, pairing
from sdzero_bench.report.reproduce.curves import concentrations
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures


def said(figures: TaskFigures, columns: Sequence[Shown]) -> list[str]:
    """Questions and budget, what the intervals cover, every seed, and what is missing."""
    experiment = figures.experiment
    measured, budget = figures.rows[0].row.entries[0], figures.rows[-1].row.runs[0].result.budget
    trained = (
        f"trained on {figures.trained_on}"
        if figures.trained_on
        else f"{counted(budget.questions, 'training question')}, {counted(budget.samples, 'sample')} of at most "
        f"{budget.new_tokens_per_sample:,} new tokens, unless the row states otherwise"
    )
    each = counted(measured.samples_per_question, "sample")
    asked = f"{figures.task}: {counted(measured.questions, 'test question')}, {each} each"
    lines = [f"{asked}; {trained}."]
    if any(isinstance(value, Estimate) for column in columns for value in column.values.values()):
        lines.append(INTERVALS)
    if "over" in experiment.columns and figures.differences:
        pairs = list(figures.differences.values())
        of_the_mark = marks("the rows of this table", figures.margin)
        lines += [f"Δ vs {experiment.reference}: {of_the_mark}", *pairing(pairs), *detectable(pairs)]
        lines += far_seeds([row.row for row in figures.rows])
    lines += [column.note for column in columns if column.note]
    if "avg" in experiment.columns:
        by_seed = "; ".join(f"{row.label} {', '.join(f'{100 * s.mean():.1f}' for s in row.row.avg)}" for row in figures.rows)
        lines.append(f"avg (%) by seed: {by_seed}.")
    if experiment.figure == "localisation" and not figures.trained_on:
        lines += [line for row in figures.rows for line in _concentration(row)]
    if failures := sum(entry.unverified for row in figures.rows for entry in row.row.entries):
        lines.append(
            f"The verifier failed on {counted(failures, 'evaluation sample')}, counted neither as correct nor as incorrect."
        )
    lines += [
        f"bench version {run.manifest.bench_version}, not in the table: {run.run_id}. Figures of different major versions are "
        f"not comparable; move the record away to have it run again."
        for run in figures.outdated
    ]
    lines += [f"{label}: no run has finished yet." for label in figures.absent]
    lines += [f"{label}: not all seeds have finished yet." for label in figures.incomplete]
    return lines


def _concentration(row: Measured) -> list[str]:
    found = concentrations(row)
    if found is None:
        return [f"{row.label}: too few correct or incorrect responses to compare."]

    def index(value: Estimate) -> str:
        return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"

    return [
        f"Concentration index, {row.label}: incorrect responses {index(found.wrong)}, correct ones {index(found.right)}, "
        f"difference {index(found.difference)} (95 % BCa over responses)."
    ]
