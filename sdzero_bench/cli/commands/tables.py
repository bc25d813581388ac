"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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
