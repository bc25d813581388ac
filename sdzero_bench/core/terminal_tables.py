"""Tables of figures that fit the terminal: intervals move below their figures, and columns without room into another table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

BETWEEN = 2
"""Characters between two columns."""


def fitted(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: int, width: int, title: str | None = None
) -> list[Table]:
    """The rows as one table, or as several of at most `width` characters, each with the first `left` columns: names."""
    lines = [list(headings), *map(list, rows)]
    if _width(lines, range(len(headings))) > width:
        lines = [[text.replace(" ", "\n") for text in lines[0]], *([_stacked(cell) for cell in row] for row in lines[1:])]
    names, parts = list(range(left)), [list(range(left))]
    for column in range(left, len(headings)):
        if _width(lines, [*parts[-1], column]) > width and parts[-1] != names:
            parts.append([*names])
        parts[-1].append(column)
    return [_table(lines, part, left, title if part is parts[0] else None) for part in parts]


def _stacked(cell: str) -> str:
    """A figure above its interval."""
    return cell.replace(" [", "\n[")


def _width(lines: Sequence[Sequence[str]], columns: Sequence[int]) -> int:
    widest = (max(len(part) for line in lines for part in line[column].split("\n")) for column in columns)
    return sum(widest) + BETWEEN * (len(columns) - 1)


def _table(lines: Sequence[Sequence[str]], columns: Sequence[int], left: int, title: str | None) -> Table:
    # The box puts a space between columns, and the padding another one.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(Text(lines[0][column]), justify="left" if column < left else "right", overflow="fold")
    for line in lines[1:]:
        table.add_row(*(Text(line[column]) for column in columns))
    return table
