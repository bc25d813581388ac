"""What a reader has to know beside the figures of an experiment, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.report.leaderboard.costs import CPU, cost
from sdzero_bench.report.leaderboard.leaderboard import SIGNIFICANT
from sdzero_bench.report.reproduce.columns import Shown
from sdzero_bench.report.reproduce.curves import concentrations
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures


def said(figures: TaskFigures, columns: Sequence[Shown]) -> list[str]:
    """Which questions and budget, what the intervals cover, every seed, and what is missing."""
    experiment = figures.experiment
    measured, budget = figures.rows[0].row.entries[0], figures.rows[-1].row.runs[0].result["budget"]
    trained = (
        f"trained on {figures.trained_on}"
        if figures.trained_on
        else f"{budget['questions']:,} training questions, {budget['samples']:,} samples of at most "
        f"{budget['new_tokens_per_sample']:,} new tokens, unless a row says otherwise"
    )
    asked = f"{figures.task}: {measured['questions']:,} test questions, {measured['samples_per_question']} samples each"
    lines = [f"{asked}; {trained}."]
    if any(isinstance(value, Estimate) for column in columns for value in column.values.values()):
        lines.append("Intervals: 95 %, BCa bootstrap over questions, and over seeds where there are several.")
    if "over" in experiment.columns:
        lines.append(
            f"over {experiment.reference}: points, paired over the questions; * marks p < {SIGNIFICANT:g}, Holm-corrected over "
            f"the rows of this table."
        )
    if not figures.trained_on and {"revised", "correction", "broken"} & set(experiment.columns):
        lines.append("Intervals of revised, corrected and broken are over questions alone, the seeds of each taken together.")
    if "avg" in experiment.columns:
        by_seed = "; ".join(f"{row.label} {', '.join(f'{100 * s.mean():.1f}' for s in row.row.avg)}" for row in figures.rows)
        lines.append(f"Seed by seed, avg %: {by_seed}.")
    if experiment.figure == "localisation" and not figures.trained_on:
        lines += [line for row in figures.rows for line in _concentration(row)]
    if "hours" in experiment.columns:
        units = {cost(row.row, 0.0, None).unit for row in figures.rows}
        lines.append("hours: of CPU threads." if units == {CPU} else "hours: of accelerators.")
    if failures := sum(entry["unverified"] for row in figures.rows for entry in row.row.entries):
        lines.append(f"The verifier failed on {failures:,} evaluation samples, which count neither as right nor as wrong.")
    lines += [f"{label}: no run is finished yet." for label in figures.absent]
    lines += [f"{label}: not all seeds are finished yet." for label in figures.incomplete]
    return lines


def _concentration(row: Measured) -> list[str]:
    found = concentrations(row)
    if found is None:
        return [f"{row.label}: too few right or wrong responses for a comparison."]

    def index(value: Estimate) -> str:
        return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"

    return [
        f"Concentration index, {row.label}: wrong responses {index(found.wrong)}, right ones {index(found.right)}, difference "
        f"{index(found.difference)} (95 % BCa over responses)."
    ]
