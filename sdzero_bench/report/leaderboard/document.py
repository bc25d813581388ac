"""A report as headings, tables, notes and figures, apart from the format in which it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdzero_bench.core.text import counted, percent, with_interval
from sdzero_bench.report.leaderboard import forgetting, selection, tuned_settings
from sdzero_bench.report.leaderboard import leaderboard_notes as words
from sdzero_bench.report.leaderboard.columns import ColumnName, shown
from sdzero_bench.report.leaderboard.commit_marks import marked
from sdzero_bench.report.leaderboard.conditions import differing, in_words
from sdzero_bench.report.leaderboard.curve_views import CURVES, NOTES
from sdzero_bench.report.leaderboard.grouping import Collection, Group
from sdzero_bench.report.leaderboard.leaderboard import Standing, TaskTable, overall
from sdzero_bench.report.rendering.blocks import DASH, Bars, Block, Figure, Heading, Notes, RecordLink, Table

Board = Sequence[TaskTable]

AS_WELL: tuple[ColumnName, ...] = ("pass", "maj", "tokens")
"""Columns of a leaderboard beside avg@k and its differences."""

OVERVIEW_NOTE = "mean: over the tasks, equally weighted, for methods that have all of them. In brackets: the rank."

EFFICIENCY = "efficiency"
"""Name of the figure that efficiency.py draws."""


def document(collection: Collection, boards: Sequence[Board]) -> list[Block]:
    """All of a report, in reading order."""
    blocks: list[Block] = [Heading(1, "Leaderboard")]
    if len(boards) > 1:
        text = f"{len(boards)} leaderboards: their runs were made under different conditions, given in the headings."
        blocks.append(Notes([f"{text} Rows are ranked within one leaderboard only."]))
        blocks += _all_tasks(boards)
    for board in boards:
        blocks += _board(board, boards)
    if boards:
        figure = Figure(EFFICIENCY, "avg@k against training samples drawn")
        blocks += [Heading(2, "Sample efficiency"), figure, Notes(words.of_the_curve())]
    if any(table.curves for board in boards for table in board):
        views = Figure(CURVES, "avg@k against samples, generated tokens, FLOPs and hours")
        blocks += [Heading(2, "Learning curves"), views, Notes(NOTES)]
    if lines := words.of_the_runs(collection):
        blocks += [Heading(2, "Not ranked, and warnings"), Notes(lines)]
    return blocks


def heading(board: Board, boards: Sequence[Board]) -> str:
    """The tasks of a board, and in words what distinguishes it from other boards with the same tasks."""
    tasks = ", ".join(table.group.task for table in board)
    apart: list[str] = []
    for table in board:
        rivals = [t.group for other in boards for t in other if t.group.task == table.group.task]
        text = in_words(table.group.conditions, _distinguishing(rivals))
        if text and text not in apart:
            apart.append(text)
    return f"{tasks} ({'; '.join(apart)})" if apart else tasks


def _distinguishing(groups: Sequence[Group]) -> list[str]:
    """What groups differ in; sizes and fingerprints that follow from another setting are given below the table."""
    names = differing([group.conditions for group in groups])
    if len(names) > 1 and "budget.samples_per_question" in names:
        names = [name for name in names if name != "budget.samples"]
    return names


def _board(board: Board, boards: Sequence[Board]) -> Iterator[Block]:
    yield Heading(2, heading(board, boards))
    if len(board) > 1:
        yield _overview(board)
        yield Notes([OVERVIEW_NOTE])
    for table in board:
        if len(board) > 1:
            yield Heading(3, table.group.task)
        yield standings_table(table)
        yield Notes([*words.of_the_table(table), *(column.note for column in forgetting.columns(table.rows))])
        if table.pairs:
            yield Heading(4, "Differences between all pairs of methods")
            yield _pairs(table)
            yield Notes(words.of_the_pairs(table))
        yield Heading(4, "Cost of training")
        yield _costs(table)
        yield Notes(words.of_the_costs(table))
        yield from tuned_settings.blocks(table)
        yield from selection.blocks(table)
        if table.parts:
            yield Heading(4, "avg@k (%) by part of the training questions")
            yield _parts(table)


def _overview(board: Board) -> Table:
    rows = []
    for label, mean in overall(board).items():
        cells = []
        for table in board:
            standing = table.standing(label)
            shown = with_interval(standing.avg.mean, standing.avg.interval) if standing else DASH
            cells.append(f"{shown} ({words.rank(standing)})" if standing else shown)
        rows.append([label, percent(mean), *cells])
    return Table(["method", "mean (%)", *(f"{table.group.task} avg@{table.samples_per_question} (%)" for table in board)], rows)


def _all_tasks(boards: Sequence[Board]) -> Iterator[Block]:
    """The overview of tasks on boards of their own; a task on several boards has no single figure."""
    tables = [table for board in boards for table in board]
    tasks = [table.group.task for table in tables]
    own = [table for table in tables if tasks.count(table.group.task) == 1]
    if len(own) > 1:
        yield Heading(2, "All tasks")
        yield _overview(own)
        left_out = sorted({task for task in tasks if tasks.count(task) > 1})
        also = [f"Not in this table, since they are on several leaderboards: {', '.join(left_out)}."] if left_out else []
        yield Notes([OVERVIEW_NOTE, *also])


def standings_table(table: TaskTable) -> Table:
    """The ranked rows, with their figures as cells."""
    names: list[ColumnName] = ["avg"]
    if table.reference:
        names.append("over")
    if table.base and table.base != table.reference:
        names.append("over_base")
    columns = [shown(name, table.rows, table.beside) for name in (*names, *AS_WELL)] + forgetting.columns(table.rows)
    labels = marked(table)
    headings = ["rank", "group", "method", *(column.heading for column in columns), "seeds", "supervision"]
    rows = [
        [
            words.rank(s),
            s.group,
            labels[s.label],
            *(column.cells[s.label] for column in columns),
            str(len(s.row.runs)),
            s.supervision,
        ]
        for s in table.standings
    ]
    return Table(headings, rows, left=3, bars=_bars(table, [3]), records=[_records(s) for s in table.standings])


def _pairs(table: TaskTable) -> Table:
    rows = [
        [
            f"{pair.after} - {pair.before}",
            with_interval(pair.difference.mean, pair.difference.interval) + pair.mark,
            words.probability(pair.p),
            words.probability(pair.p_equivalent),
            pair.seeds,
        ]
        for pair in reversed(table.pairs)
    ]
    bars = Bars([1], mark=0.0, marked="no difference")
    return Table(["pair", "difference (pts)", "p", "p of equivalence", "seeds"], rows, bars=bars)


def _costs(table: TaskTable) -> Table:
    names: list[ColumnName] = ["samples", "share", "generated", "trained", "hours", "gain"]
    if any(standing.cost.tuning_samples for standing in table.standings):
        names.append("tuning")
    columns = [shown(name, table.rows, table.beside) for name in names]
    rows = [[s.label, *(column.cells[s.label] for column in columns)] for s in table.standings]
    return Table(["method", *(column.heading for column in columns)], rows)


def _parts(table: TaskTable) -> Table:
    labels = [standing.label for standing in table.standings if not standing.row.is_base]
    rows = [
        [label, *(with_interval(p.avg[label].mean, p.avg[label].interval) if label in p.avg else DASH for p in table.parts)]
        for label in labels
    ]
    headings = ["method", *(f"{counted(part.questions, 'question')}" for part in table.parts)]
    return Table(headings, rows, bars=_bars(table, range(1, len(headings))))


def _bars(table: TaskTable, columns: Sequence[int]) -> Bars:
    """Of columns of avg@k, with a mark at the row that differences are taken to."""
    reference = table.standing(table.reference) if table.reference else None
    return Bars(columns, 100 * reference.avg.mean, reference.label) if reference else Bars(columns)


def _records(standing: Standing) -> list[RecordLink]:
    return [RecordLink(str(run.seed), run.run_id, run.folder) for run in standing.row.runs]
