"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], error: bool = False, left: int | None = None) -> None:
    """Print the rows under the headings, to standard error if `error`: as Markdown, or on a terminal as a table that fits it.

    With `left`, all columns but the first are figures. Text is not read as markup: 'sdzero-bench[lora]' stays as it is.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sdzero_bench.core.terminal_tables import fitted
    from sdzero_bench.core.text import markdown_table
    from sdzero_bench.report.rendering import blocks
    from sdzero_bench.report.rendering.formats import markdown_block

    console, cells = Console(stderr=error), [list(row) for row in rows]
    if left is None and not console.is_terminal:
        lines = [[cell.replace("|", "\\|") for cell in row] for row in cells]
        typer.echo(markdown_table(list(headings), lines, left=len(headings)), err=error)
    elif left is not None and not console.is_terminal:
        typer.echo(markdown_block(blocks.Table(list(headings), cells, left)), err=error)
    elif left is not None:
        for table in fitted(headings, cells, left, console.width):
            console.print(table)
            console.print()
    else:
        table = Table(*headings)
        for row in cells:
            table.add_row(*(Text(cell, overflow="fold") for cell in row))
        console.print(table)


def left_out(faults: Iterable[str]) -> None:
    """Say on standard error which methods or tasks could not be loaded, in a line each."""
    for fault in faults:
        typer.echo(f"left out: {fault}", err=True)
