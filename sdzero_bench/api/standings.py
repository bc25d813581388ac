"""A leaderboard as data frames, LaTeX and figures; the numbers are those of `sdzero-bench report`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sdzero_bench.api.axes import axes
from sdzero_bench.api.frame_columns import COSTS, PAIRS, STANDINGS, frame
from sdzero_bench.api.html_fragment import fragment
from sdzero_bench.core.errors import UserError, unknown
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import counted
from sdzero_bench.report.leaderboard import evaluations
from sdzero_bench.report.leaderboard.curve_views import VIEWS, View, draw_view
from sdzero_bench.report.leaderboard.document import heading, standings_table
from sdzero_bench.report.leaderboard.efficiency import draw_panel
from sdzero_bench.report.leaderboard.exports import as_data, cost_rows, pair_rows, standing_rows
from sdzero_bench.report.leaderboard.grouping import Collection
from sdzero_bench.report.leaderboard.leaderboard import TaskTable, boards_of
from sdzero_bench.report.leaderboard.leaderboard_notes import of_the_runs, of_the_table
from sdzero_bench.report.rendering.blocks import Block, Heading, Notes
from sdzero_bench.report.rendering.latex import latex_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Leaderboard:
    """The ranked methods of a collection of runs. Only runs under the same conditions share a table."""

    def __init__(self, collection: Collection, reference: str | None = None, margin: float = MARGIN) -> None:
        """Raises `UserError` for a reference that has no row."""
        self._collection = collection
        self._boards = boards_of(collection, reference, margin)

    @cached_property
    def standings(self) -> pd.DataFrame:
        """One row per method and table, best first."""
        return frame(standing_rows(self._boards), STANDINGS)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row for each two ranked methods of a table: their difference."""
        return frame(pair_rows(self._boards), PAIRS)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """One row per method and table: what training and evaluation used."""
        return frame(cost_rows(self._boards), COSTS)

    def to_dict(self) -> dict[str, Any]:
        """The document of `sdzero-bench report --format json`."""
        return as_data(self._collection, self._boards)

    def to_latex(self, task: str | None = None) -> str:
        r"""A booktabs tabular to be read by `\input` inside a table environment. `task`: needed if there are several tables."""
        return latex_table(standings_table(self._table(task)))

    def plot_efficiency(self, task: str | None = None, ax: Axes | None = None) -> Axes:
        """avg@k in per cent against training samples drawn, one line per method; means over seeds with 95 % intervals."""
        table, panel = self._table(task), axes(ax)
        draw_panel(panel, table, table.group.task, _trained(table))
        return panel

    def plot_learning_curves(self, x: View = "training samples", task: str | None = None, ax: Axes | None = None) -> Axes:
        """avg@k in per cent of the policies along training, one line per method; means over seeds with 95 % intervals.

        Raises `UserError` if the runs of the table have measured no curve, and for another `x` than those of `VIEWS`.
        """
        if x not in VIEWS:
            raise unknown("x axis", x, VIEWS)
        table = self._table(task)
        if (curves := table.curves) is None:
            raise UserError(
                f"no run of {table.group.task} has measured a learning curve; set evaluation.curve_questions, or use "
                f"plot_efficiency"
            )
        panel = axes(ax)
        draw_view(panel, curves, x, _trained(table))
        panel.set(ylabel=f"avg@{curves.samples_per_question} (%)", title=table.group.task)
        panel.legend(fontsize=8, frameon=False)
        return panel

    def __repr__(self) -> str:
        of_boards = [(heading(board, self._boards), table.standings) for board in self._boards for table in board]
        named = [f"{title}: {counted(len(standings), 'row')}" for title, standings in of_boards]
        return f"Leaderboard({'; '.join(named)})"

    def _repr_html_(self) -> str:
        blocks: list[Block] = []
        for board in self._boards:
            for table in board:
                blocks += [Heading(4, _title(board, self._boards, table)), standings_table(table), Notes(of_the_table(table))]
        blocks += evaluations.blocks(self._collection.evaluations)
        return fragment([*blocks, Notes(of_the_runs(self._collection))])

    def _table(self, task: str | None) -> TaskTable:
        tables = [table for board in self._boards for table in board]
        tasks = [table.group.task for table in tables]
        if task is not None and task not in tasks:
            raise unknown("task of the leaderboard", task, tasks)
        found = [table for table in tables if task in (None, table.group.task)]
        if not found:
            raise UserError("no run was trained, so that there is nothing to rank; `evaluation` has the measured policies")
        if len(found) > 1:
            apart = "; ".join(dict.fromkeys(heading(board, self._boards) for board in self._boards))
            raise UserError(f"which of the {len(found)} tables? {apart}. Name one with task=, or select runs with where()")
        return found[0]


def _trained(table: TaskTable) -> list[str]:
    return sorted(standing.label for standing in table.standings if not standing.row.is_base)


def _title(board: Sequence[TaskTable], boards: Sequence[Sequence[TaskTable]], table: TaskTable) -> str:
    title = heading(board, boards)
    return title if len(board) == 1 else f"{table.group.task}, of {title}"
