"""A report on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from sdzero_bench.core.terminal_tables import fitted
from sdzero_bench.core.text import printable
from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Notes, Table


def show(blocks: Sequence[Block], console: Console) -> None:
    """Print headings, tables and notes, no wider than the terminal. Figures are left out."""
    for block in blocks:
        match block:
            case Heading(level, text):
                console.print(Text(f"\n{printable(text)}", style="bold underline" if level < 3 else "bold"))
            case Table(headings, rows, left):
                cells = [[printable(cell) for cell in row] for row in rows]
                for table in fitted(headings, cells, left, console.width):
                    console.print()
                    console.print(table)
            case Notes(lines):
                for line in lines:
                    console.print(Text(f"- {printable(line)}", style="dim"))
            case Figure():
                pass
