"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import typer


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], error: bool = False) -> None:
    """Print the rows under the headings, to standard error if `error`. Text is not read as markup: 'sdzero-bench[lora]' stays
    as it is.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings)
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console(stderr=error).print(table)


def left_out(faults: Mapping[str, str]) -> None:
    """Say on standard error which methods or tasks could not be loaded, in a line each."""
    for fault in faults.values():
        typer.echo(f"left out: {fault}", err=True)
