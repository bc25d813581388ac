"""A report in each of its formats. Names of methods and tasks may contain any characters, so all text is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sdzero_bench.core.text import markdown_table
from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Notes, Table
from sdzero_bench.report.rendering.latex import latex
from sdzero_bench.report.rendering.page import html

__all__ = ["html", "latex", "markdown"]

REPORT = "sdzero-bench report"


def written_by(command: str) -> str:
    """The first line of a page."""
    return f"<!-- Written by `{command}`; edits will be overwritten. -->"


def is_written_by(page: str, command: str) -> bool:
    """Whether a command wrote this page, in this or an earlier version of the package."""
    return page.startswith(f"<!-- Written by `{command}`;")


def to_read(page: str) -> str:
    """A Markdown page for a terminal or a pipe: without its pictures, and without the note that it is overwritten."""
    lines = [line for line in page.splitlines() if not line.startswith("![") and not is_written_by(line, REPORT)]
    return "\n".join(lines).strip("\n") + "\n"


def markdown(blocks: Sequence[Block], command: str = REPORT) -> str:
    """GitHub-flavoured Markdown; `command` is what wrote it. A figure is the SVG file of its name, in the same folder."""
    return "\n\n".join([written_by(command), *map(markdown_block, blocks)]) + "\n"


def markdown_block(block: Block) -> str:
    """The same of one block."""
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_escape_markdown(text)}"
        case Table(headings, rows, left):
            cells = [[_escape_markdown(cell) for cell in row] for row in [headings, *rows]]
            return markdown_table(cells[0], cells[1:], left)
        case Notes(lines):
            return "\n".join(f"- {_escape_markdown(line)}" for line in lines)
        case Figure(name, alternative):
            return f"![{_escape_markdown(alternative)}]({name}.svg)"


def _escape_markdown(text: str) -> str:
    """Escapes everything that could end a cell or become HTML; underscores within words are safe."""
    return re.sub(r"<(?=[A-Za-z/!])|[|`\\]|\]\(", lambda found: f"\\{found[0]}", " ".join(text.split()))
