"""An experiment as blocks of a page: the question, a table for each task, the figure, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..evaluating.estimators import Estimate
from ..reporting.blocks import DASH, Bars, Block, Figure, Heading, Notes, Record, Table
from ..reporting.costs import CPU, cost
from ..reporting.leaderboard import SIGNIFICANT
from ..reporting.summary import with_interval
from .cells import Setting, cells
from .columns import Shown, shown
from .curves import Rows, concentrations, curve
from .drawing import draw
from .experiment import Experiment
from .measuring import Measured, TaskFigures, measure
from .shelf import Shelf


@dataclass
class Section:
    """An experiment, written up."""

    experiment: Experiment
    blocks: list[Block]
    rows: list[dict[str, Any]] = field(default_factory=list)
    """The table as flat rows, unrounded."""
    curve: Rows = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    """By ending."""


def section(experiment: Experiment, setting: Setting, shelf: Shelf) -> Section:
    """Raises `UserError` for runs that cannot be compared, or that did not measure what is asked."""
    heading: list[Block] = [Heading(2, experiment.title), Notes([experiment.question])]
    if (skip := experiment.on(setting.preset).skip) is not None:
        return Section(experiment, [*heading, Notes([f"Not with the preset {setting.preset}: {skip}."]), *_paper(experiment)])
    tasks = measure(experiment, cells(experiment, setting), shelf)
    made = Section(experiment, heading)
    if len(tasks) > 1 and "avg" in experiment.columns:
        made.blocks.append(_overview(experiment, tasks))
    for figures in tasks:
        if len(tasks) > 1:
            made.blocks.append(Heading(3, figures.task))
        made.blocks += _of_task(made, figures, beside=_beside(experiment, setting))
    complete = [figures for figures in tasks if figures.rows]
    if experiment.figure is not None and complete:
        made.curve = [row for figures in complete for row in curve(figures, experiment.figure)]
        made.images = draw(made.curve, experiment.figure)
        made.blocks += [Figure(experiment.name, experiment.title), Notes([experiment.caption])]
    if not _beside(experiment, setting):
        made.blocks += _paper(experiment)
    if experiment.notes:
        made.blocks.append(Notes(list(experiment.notes)))
    return made


def _of_task(made: Section, figures: TaskFigures, beside: bool) -> list[Block]:
    experiment = figures.experiment
    if not figures.rows:
        return [Notes([f"No run on {figures.task} is finished yet: sdzero-bench reproduce {experiment.name}"])]
    columns = [shown(column, figures) for column in experiment.columns]
    paper = experiment.paper.columns if beside and experiment.paper else {}
    table = []
    for row in figures.rows:
        table.append([row.label, *(column.text(row.label) for column in columns), str(len(row.seeds))])
        made.rows.append(_flat(figures, row, columns))
    theirs = [_aligned(values, [row.label for row in figures.rows]) for values in paper.values()]
    table = [[*cells, *beside] for cells, *beside in zip(table, *theirs, strict=True)]
    headings = ["row", *(column.heading for column in columns), "seeds", *(f"paper: {name}" for name in paper)]
    blocks: list[Block] = [Table(headings, table, bars=_bars(figures, columns), records=[_records(r) for r in figures.rows])]
    if experiment.phases:
        blocks.append(_phases(figures))
    blocks.append(Notes(_said(figures, columns)))
    return blocks


def _overview(experiment: Experiment, tasks: Sequence[TaskFigures]) -> Table:
    """Accuracy on each task, and the mean over tasks of the rows that have all of them."""
    averages = [figures.estimates("avg") for figures in tasks]
    rows = []
    for label in experiment.variants:
        found = [average[label] for average in averages if label in average]
        mean = f"{100 * sum(e.mean for e in found) / len(found):.1f}" if len(found) == len(tasks) else DASH
        shown = [with_interval(a[label].mean, a[label].interval) if label in a else DASH for a in averages]
        rows.append([label, mean, *shown])
    return Table(["row", "mean %", *(f"{figures.task} avg %" for figures in tasks)], rows)


def _said(figures: TaskFigures, columns: Sequence[Shown]) -> list[str]:
    experiment = figures.experiment
    measured, budget = figures.rows[0].row.entries[0], figures.rows[-1].row.runs[0].result["budget"]
    lines = [
        f"{figures.task}: {measured['questions']:,} test questions, {measured['samples_per_question']} samples each; "
        f"{budget['questions']:,} training questions, {budget['samples']:,} samples of at most "
        f"{budget['new_tokens_per_sample']:,} new tokens, unless a row says otherwise."
    ]
    if any(isinstance(value, Estimate) for column in columns for value in column.values.values()):
        lines.append("Intervals: 95 %, BCa bootstrap over questions, and over seeds where there are several.")
    if "over" in experiment.columns:
        lines.append(
            f"over {experiment.reference}: points, paired over the questions; * marks p < {SIGNIFICANT:g}, Holm-corrected over "
            f"the rows of this table."
        )
    if any(name in experiment.columns for name in ("revised", "correction", "broken")):
        lines.append("Intervals of revised, corrected and broken are over questions alone, the seeds of each taken together.")
    if "avg" in experiment.columns:
        by_seed = "; ".join(f"{row.label} {', '.join(f'{100 * s.mean():.1f}' for s in row.row.avg)}" for row in figures.rows)
        lines.append(f"Seed by seed, avg %: {by_seed}.")
    if experiment.figure == "localisation":
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

    def said(value: Any) -> str:
        return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"

    return [
        f"Concentration index: wrong responses {said(found.wrong)}, right ones {said(found.right)}, difference "
        f"{said(found.difference)} (95 % BCa over responses)."
    ]


def _phases(figures: TaskFigures) -> Table:
    """What each charged phase used, means over seeds."""
    rows = []
    for row in figures.rows:
        runs = row.row.runs
        for phase in runs[0].training:
            uses = [run.training[phase] for run in runs]

            def mean(*names: str, uses: list[dict[str, Any]] = uses) -> str:
                return f"{sum(use[name] for use in uses for name in names) / len(uses):,.0f}"

            trained = mean("forward_tokens", "backward_tokens")
            rows.append([row.label, phase, mean("samples"), mean("generated_tokens"), trained])
    return Table(["row", "phase", "samples", "generated tokens", "trained tokens"], rows, left=2)


def _bars(figures: TaskFigures, columns: Sequence[Shown]) -> Bars | None:
    """Of accuracy, with a mark at the reference."""
    at = [i for i, name in enumerate(figures.experiment.columns, start=1) if name == "avg"]
    mark = columns[at[0] - 1].values.get(figures.experiment.reference) if at else None
    if not at:
        return None
    return Bars(at, 100 * mark.mean, figures.experiment.reference) if isinstance(mark, Estimate) else Bars(at)


def _records(row: Measured) -> list[Record]:
    return [Record(str(run.seed), run.run_id, run.folder) for run in row.row.runs]


def _flat(figures: TaskFigures, row: Measured, columns: Sequence[Shown]) -> dict[str, Any]:
    flat: dict[str, Any] = {"task": figures.task, "variant": row.label, "seeds": " ".join(map(str, row.seeds))}
    for name, column in zip(figures.experiment.columns, columns, strict=True):
        value = column.values.get(row.label)
        if isinstance(value, Estimate):
            flat |= {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            flat[name] = value
        if name == "over":
            found = figures.differences.get(row.label)
            flat |= {"p": found.p if found else None, "p_holm": found.p_holm if found else None}
    return flat


def _beside(experiment: Experiment, setting: Setting) -> bool:
    """Whether the paper's figures are of this setting, and may stand in one table with ours."""
    return experiment.paper is not None and setting.preset in experiment.paper.presets and setting.model is None


def _paper(experiment: Experiment) -> list[Block]:
    if experiment.paper is None:
        return []
    labels = [label for label in experiment.variants if any(label in v for v in experiment.paper.columns.values())]
    columns = [_aligned(values, labels) for values in experiment.paper.columns.values()]
    rows = [[label, *cells] for label, *cells in zip(labels, *columns, strict=True)]
    said = f"The paper's figures, of another setting: {experiment.paper.setting}."
    return [Notes([said]), Table(["row", *experiment.paper.columns], rows)]


def _aligned(values: Mapping[str, float], labels: Sequence[str]) -> list[str]:
    """A column of the paper's, with a digit after the point in all cells or in none."""
    digits = 0 if all(float(value).is_integer() for value in values.values()) else 1
    return [f"{values[label]:,.{digits}f}" if label in values else DASH for label in labels]
