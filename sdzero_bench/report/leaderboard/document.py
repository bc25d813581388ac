"""A report as headings, tables, notes and figures, apart from the format in which it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sdzero_bench.core.text import percent, with_interval
from sdzero_bench.report.leaderboard import leaderboard_notes as words
from sdzero_bench.report.leaderboard.conditions import differing, in_words
from sdzero_bench.report.leaderboard.grouping import Collection, Group
from sdzero_bench.report.leaderboard.leaderboard import Standing, TaskTable, overall
from sdzero_bench.report.rendering.blocks import DASH, Bars, Block, Figure, Heading, Notes, RecordLink, Table

Board = Sequence[TaskTable]

EFFICIENCY = "efficiency"
"""Name of the figure that efficiency.py draws."""


def document(collection: Collection, boards: Sequence[Board]) -> list[Block]:
    """All of a report, in reading order."""
    blocks: list[Block] = [Heading(1, "Leaderboard")]
    if len(boards) > 1:
        text = f"{len(boards)} leaderboards: their runs were made under different conditions, which the headings name."
        blocks.append(Notes([f"{text} Rows are ranked within one leaderboard only."]))
    for board in boards:
        blocks += _board(board, boards)
    if boards:
        figure = Figure(EFFICIENCY, "avg@k against training samples drawn")
        blocks += [Heading(2, "Sample efficiency"), figure, Notes(words.of_the_curve())]
    if lines := words.of_the_runs(collection):
        blocks += [Heading(2, "Not ranked, or to be looked at"), Notes(lines)]
    return blocks


def heading(board: Board, boards: Sequence[Board]) -> str:
    """The tasks of a board, and in words what sets it apart from other boards with the same tasks."""
    tasks = ", ".join(table.group.task for table in board)
    apart: list[str] = []
    for table in board:
        rivals = [t.group for other in boards for t in other if t.group.task == table.group.task]
        text = in_words(table.group.conditions, _telling(rivals))
        if text and text not in apart:
            apart.append(text)
    return f"{tasks} ({'; '.join(apart)})" if apart else tasks


def _telling(groups: Sequence[Group]) -> list[str]:
    """What groups differ in; sizes and fingerprints that follow from another setting are said beneath the table."""
    names = differing([group.conditions for group in groups])
    if len(names) > 1 and "budget.samples_per_question" in names:
        names = [name for name in names if name != "budget.samples"]
    return names


def _board(board: Board, boards: Sequence[Board]) -> Iterator[Block]:
    yield Heading(2, heading(board, boards))
    if len(board) > 1:
        yield _overview(board)
        yield Notes(["Mean: over the tasks, each counting the same, of methods that have all of them. In brackets the rank."])
    for table in board:
        if len(board) > 1:
            yield Heading(3, table.group.task)
        yield _standings(table)
        yield Notes(words.of_the_table(table))
        if table.pairs:
            yield Heading(4, "Differences between all pairs of methods")
            yield _pairs(table)
        yield Heading(4, "Cost of training")
        yield _costs(table)
        yield Notes(words.of_the_costs(table))
        if table.parts:
            yield Heading(4, "Accuracy by part of the budget")
            yield _parts(table)


def _overview(board: Board) -> Table:
    rows = []
    for label, mean in overall(board).items():
        cells = []
        for table in board:
            standing = table.standing(label)
            shown = with_interval(standing.avg.mean, standing.avg.interval) if standing else DASH
            cells.append(f"{shown} ({standing.rank})" if standing else shown)
        rows.append([label, percent(mean), *cells])
    return Table(["method", "mean %", *(f"{table.group.task} avg@{table.samples_per_question} %" for table in board)], rows)


def _standings(table: TaskTable) -> Table:
    over = [f"over {table.reference}"] if table.reference else []
    k, m = table.samples_per_question, table.pass_at
    headings = ["rank", "method", f"avg@{k} %", *over, f"pass@{m} %", f"maj@{k} %", "tokens", "seeds", "supervision"]
    rows = []
    for s in table.standings:
        pair = s.over_reference
        mark = "*" if pair and pair.significant else ""
        difference = with_interval(pair.difference.mean, pair.difference.interval) + mark if pair else DASH
        rows.append(
            [
                str(s.rank),
                s.label,
                with_interval(s.avg.mean, s.avg.interval),
                *([difference] if over else []),
                with_interval(s.best.mean, s.best.interval),
                with_interval(s.majority.mean, s.majority.interval) if s.majority else DASH,
                with_interval(s.tokens.mean, s.tokens.interval, scale=1),
                str(len(s.row.runs)),
                s.supervision,
            ]
        )
    return Table(headings, rows, left=2, bars=_bars(table, [2]), records=[_records(s) for s in table.standings])


def _pairs(table: TaskTable) -> Table:
    rows = [
        [
            f"{pair.after} - {pair.before}",
            with_interval(pair.difference.mean, pair.difference.interval) + ("*" if pair.significant else ""),
            words.probability(pair.p_holm),
            words.probability(pair.p),
        ]
        for pair in reversed(table.pairs)
    ]
    bars = Bars([1], mark=0.0, marked="no difference")
    return Table(["pair", "difference, points", "p (Holm)", "p (raw)"], rows, bars=bars)


def _costs(table: TaskTable) -> Table:
    costs = [standing.cost for standing in table.standings]
    tuned = any(cost.tuning_samples for cost in costs)
    headings = ["method", "samples", "generated tokens", "trained tokens", "hours", "points per 1,000 samples"]
    rows = []
    for standing in table.standings:
        cost = standing.cost
        gain = DASH if cost.gain_per_thousand is None else f"{cost.gain_per_thousand:.2f}"
        spent = [f"{cost.samples:,.0f}", f"{cost.generated_tokens:,.0f}", f"{cost.training_tokens:,.0f}"]
        row = [standing.label, *spent, f"{cost.hours:.3g} {cost.unit}", gain]
        rows.append([*row, f"{cost.tuning_samples:,}"] if tuned else row)
    return Table([*headings, "samples of tuning trials"] if tuned else headings, rows)


def _parts(table: TaskTable) -> Table:
    labels = [standing.label for standing in table.standings if not standing.row.is_base]
    rows = [
        [label, *(with_interval(p.avg[label].mean, p.avg[label].interval) if label in p.avg else DASH for p in table.parts)]
        for label in labels
    ]
    headings = ["method", *(f"{part.questions:,} questions" for part in table.parts)]
    return Table(headings, rows, bars=_bars(table, range(1, len(headings))))


def _bars(table: TaskTable, columns: Sequence[int]) -> Bars:
    """Of columns of avg@k, with a mark at the row that differences are taken to."""
    reference = table.standing(table.reference) if table.reference else None
    return Bars(columns, 100 * reference.avg.mean, reference.label) if reference else Bars(columns)


def _records(standing: Standing) -> list[RecordLink]:
    return [RecordLink(str(run.seed), run.run_id, run.folder) for run in standing.row.runs]
