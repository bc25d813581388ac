"""The document of a report in each of its formats. Names of methods and tasks are text of others: all of it is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .blocks import Block, Figure, Heading, Notes, Table
from .page import html
from .summary import markdown_table

__all__ = ["html", "latex", "markdown"]

WRITTEN_BY = "<!-- Written by `sdzero-bench report`; what is edited here is lost. -->"

ROWS_A_PAGE = 40
"""Of a LaTeX table; longer ones go on in another."""


def markdown(blocks: Sequence[Block]) -> str:
    """GitHub's Markdown; a figure is the SVG file of its name beside it."""
    return "\n\n".join([WRITTEN_BY, *map(_markdown_block, blocks)]) + "\n"


def latex(blocks: Sequence[Block]) -> str:
    """A document with booktabs tables, each of which can be lifted into another; a figure is the PNG of its name beside it."""
    return "\n\n".join([LATEX_HEAD, *map(_latex_block, blocks), "\\end{document}\n"])


def escape_latex(text: str) -> str:
    return re.sub(r"[\\&%$#_{}~^<>|]", lambda found: LATEX_CHARACTERS[found[0]], text)


LATEX_CHARACTERS = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}

LATEX_HEAD = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\newsavebox{\tablebox}
% A table as it is, or as wide as the page if it is wider.
\newcommand{\fit}[1]{\sbox{\tablebox}{#1}\ifdim\wd\tablebox>\linewidth
  \resizebox{\linewidth}{!}{\usebox{\tablebox}}\else\usebox{\tablebox}\fi}
\setlength{\parindent}{0pt}
\begin{document}"""


def _markdown_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_escape_markdown(text)}"
        case Table(headings, rows):
            return markdown_table(
                [_escape_markdown(text) for text in headings], [[_escape_markdown(cell) for cell in row] for row in rows]
            )
        case Notes(lines):
            return "\n".join(f"- {_escape_markdown(line)}" for line in lines)
        case Figure(name, alternative):
            return f"![{_escape_markdown(alternative)}]({name}.svg)"


def _escape_markdown(text: str) -> str:
    """Nothing in a cell may end it or become HTML; underscores within words are safe."""
    return re.sub(r"<(?=[A-Za-z/!])|[|`\\]|\]\(", lambda found: f"\\{found[0]}", " ".join(text.split()))


def _latex_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            command = {1: "section", 2: "subsection", 3: "subsubsection"}.get(level, "paragraph")
            return f"\\{command}*{{{escape_latex(text)}}}" + ("~\\par" if command == "paragraph" else "")
        case Table(_, rows):
            pages = [rows[start : start + ROWS_A_PAGE] for start in range(0, len(rows), ROWS_A_PAGE)]
            return "\n\n".join(_latex_table(block, page) for page in pages)
        case Notes(lines):
            items = "\n".join(f"  \\item {escape_latex(line)}" for line in lines)
            return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
        case Figure(name):
            return f"\\IfFileExists{{{name}.png}}{{\\includegraphics[width=\\linewidth]{{{name}.png}}}}{{}}"


def _latex_table(table: Table, rows: list[list[str]]) -> str:
    columns = "".join("l" if _is_text(table, i) else "r" for i in range(len(table.headings)))
    # In braces, as a row that began with a bracket would be read as an option of the line break before it.
    lines = [" & ".join(f"{{{escape_latex(cell)}}}" for cell in row) + r" \\" for row in [table.headings, *rows]]
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    return f"\\fit{{\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}}}"


def _is_text(table: Table, column: int) -> bool:
    return column < table.left or table.headings[column] == "supervision"
