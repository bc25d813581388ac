"""An experiment as blocks of a page: the question, a table for each task, the figure, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.text import with_interval
from sdzero_bench.records.schema import PhaseUse
from sdzero_bench.report.leaderboard.columns import ColumnName, Shown, shown
from sdzero_bench.report.rendering.blocks import DASH, Bars, Block, Figure, Heading, Notes, RecordLink, Table
from sdzero_bench.report.reproduce.benchmarks import on_benchmarks
from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.curves import Rows, curve
from sdzero_bench.report.reproduce.experiment import Experiment, PaperFigures
from sdzero_bench.report.reproduce.experiment_notes import said
from sdzero_bench.report.reproduce.plots import draw
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures, measure
from sdzero_bench.report.reproduce.shelf import Shelf

OF_A_POLICY = ("avg", "over", "pass", "maj", "tokens")
"""Columns that any measurement of a policy has."""


@dataclass
class ExperimentSection:
    """An experiment, written up."""

    experiment: Experiment
    blocks: list[Block]
    rows: list[dict[str, Any]] = field(default_factory=list)
    """The table as flat rows, unrounded."""
    curve: Rows = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    """By ending."""


def section(experiment: Experiment, setting: Setting, shelf: Shelf) -> ExperimentSection:
    """Raises `UserError` for runs that cannot be compared, or that did not measure what the experiment shows."""
    heading: list[Block] = [Heading(2, experiment.title), Notes([experiment.question])]
    if (skip := experiment.on(setting.preset).skip) is not None:
        return ExperimentSection(
            experiment,
            [*heading, Notes([f"Not available with the preset {setting.preset}: {skip}."]), *_apart(experiment.paper)],
        )
    found = cells(experiment, setting)
    tasks = [*measure(experiment, found, shelf), *on_benchmarks(experiment, found, setting, shelf)]
    made = ExperimentSection(experiment, heading)
    beside = _beside(experiment, setting)
    if len(tasks) > 1 and "avg" in experiment.columns:
        made.blocks.append(_overview(experiment, tasks, beside))
        beside = None  # shown once
    for figures in tasks:
        if len(tasks) > 1:
            made.blocks.append(Heading(3, figures.task))
        made.blocks += _of_task(made, figures, beside)
    complete = [figures for figures in tasks if figures.rows and not figures.trained_on]
    if experiment.figure is not None and complete:
        made.curve = [row for figures in complete for row in curve(figures, experiment.figure)]
        if made.curve:
            made.images = draw(made.curve, experiment.figure)
            made.blocks += [Figure(experiment.name, experiment.title), Notes([experiment.caption])]
    made.blocks += _apart([paper for paper in experiment.paper if paper is not _beside(experiment, setting)])
    if experiment.notes:
        made.blocks.append(Notes(list(experiment.notes)))
    return made


def _of_task(made: ExperimentSection, figures: TaskFigures, beside: PaperFigures | None) -> list[Block]:
    experiment = figures.experiment
    if not figures.rows:
        missing = "`sdzero-bench reproduce` starts missing runs, unless it is given --no-runs"
        return [Notes([f"No run on {figures.task} has finished yet; {missing}."])]
    # Costs of training are in the table of the training task.
    names = [name for name in experiment.columns if not figures.trained_on or name in OF_A_POLICY]
    columns = [shown(name, [row.row for row in figures.rows], figures.beside) for name in names]
    table = []
    for row in figures.rows:
        table.append([row.label, *(column.cells[row.label] for column in columns), str(len(row.seeds))])
        made.rows.append(_flat(figures, row, dict(zip(names, columns, strict=True))))
    headings = ["row", *(column.heading for column in columns), "seeds"]
    drawn: dict[str, Any] = {
        "bars": _bars(figures, dict(zip(names, columns, strict=True))),
        "records": [_records(row) for row in figures.rows],
    }
    blocks: list[Block] = [_with_the_papers(beside, headings, table, **drawn) if beside else Table(headings, table, **drawn)]
    if experiment.phases and not figures.trained_on:
        blocks.append(_phases(figures))
    blocks.append(Notes(said(figures, columns)))
    return blocks


def _overview(experiment: Experiment, tasks: Sequence[TaskFigures], beside: PaperFigures | None) -> Table:
    """Accuracy on each task, and the mean over tasks of the rows that have all of them; `beside` the paper's figures."""
    averages = [figures.estimates("avg") for figures in tasks]
    rows = []
    for label in experiment.variants:
        found = [average[label] for average in averages if label in average]
        mean = f"{100 * sum(e.mean for e in found) / len(found):.1f}" if len(found) == len(tasks) else DASH
        shown = [with_interval(a[label].mean, a[label].interval) if label in a else DASH for a in averages]
        rows.append([label, mean, *shown])
    headings = ["row", "mean (%)", *(f"{figures.task} avg (%)" for figures in tasks)]
    return _with_the_papers(beside, headings, rows) if beside else Table(headings, rows)


def _with_the_papers(paper: PaperFigures, headings: list[str], rows: list[list[str]], **shown: Any) -> Table:
    """A table whose first cells are variants, with the paper's figures in further columns."""
    theirs = [_aligned(values, [row[0] for row in rows]) for values in paper.columns.values()]
    rows = [[*ours, *others] for ours, *others in zip(rows, *theirs, strict=True)]
    return Table([*headings, *(f"paper: {name}" for name in paper.columns)], rows, **shown)


def _phases(figures: TaskFigures) -> Table:
    """What each charged phase used, means over seeds."""
    rows = []
    for row in figures.rows:
        runs = row.row.runs
        for phase in runs[0].training:
            uses = [run.training[phase] for run in runs]

            def mean(*names: str, uses: list[PhaseUse] = uses) -> str:
                return f"{sum(getattr(use, name) for use in uses for name in names) / len(uses):,.0f}"

            trained = mean("forward_tokens", "backward_tokens")
            rows.append([row.label, phase, mean("samples"), mean("generated_tokens"), trained])
    return Table(["row", "phase", "samples", "generated tokens", "trained tokens"], rows, left=2)


def _bars(figures: TaskFigures, columns: Mapping[ColumnName, Shown]) -> Bars | None:
    """Of accuracy, with a mark at the reference."""
    if "avg" not in columns:
        return None
    at = [1 + list(columns).index("avg")]
    mark = columns["avg"].values.get(figures.experiment.reference)
    return Bars(at, 100 * mark.mean, figures.experiment.reference) if isinstance(mark, Estimate) else Bars(at)


def _records(row: Measured) -> list[RecordLink]:
    return [RecordLink(str(seed), run.run_id, run.folder) for seed, run in zip(row.seeds, row.row.runs, strict=True)]


def _flat(figures: TaskFigures, row: Measured, columns: Mapping[ColumnName, Shown]) -> dict[str, Any]:
    flat: dict[str, Any] = {"task": figures.task, "variant": row.label, "seeds": " ".join(map(str, row.seeds))}
    for name, column in columns.items():
        value = column.values.get(row.label)
        if isinstance(value, Estimate):
            flat |= {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            flat[name] = value
        if name == "over":
            found = figures.differences.get(row.label)
            flat |= {"p": found.p if found else None, "p_holm": found.p_holm if found else None}
    return flat


def _beside(experiment: Experiment, setting: Setting) -> PaperFigures | None:
    """The paper's figures of the same setting, which may share a table with ours."""
    if setting.model is not None:
        return None
    return next((paper for paper in experiment.paper if setting.preset in paper.presets), None)


def _apart(papers: Sequence[PaperFigures]) -> list[Block]:
    """The paper's figures of other settings."""
    blocks: list[Block] = []
    for paper in papers:
        labels = list(dict.fromkeys(label for values in paper.columns.values() for label in values))
        columns = [_aligned(values, labels) for values in paper.columns.values()]
        rows = [[label, *cells] for label, *cells in zip(labels, *columns, strict=True)]
        blocks.append(Notes([f"The paper's figures, in another setting: {paper.setting}."]))
        blocks.append(Table(["row", *paper.columns], rows))
    return blocks


def _aligned(values: Mapping[str, float], labels: Sequence[str]) -> list[str]:
    """A column of the paper's, with one decimal in all cells or in none."""
    digits = 0 if all(float(value).is_integer() for value in values.values()) else 1
    return [f"{values[label]:,.{digits}f}" if label in values else DASH for label in labels]
