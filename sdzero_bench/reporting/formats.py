"""The document of a report as Markdown, LaTeX or HTML. Names of methods and tasks are text of others: all of it is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .document import Block, Figure, Heading, Notes, Table
from .summary import markdown_table

WRITTEN_BY = "<!-- Written by `sdzero-bench report`; what is edited here is lost. -->"

ROWS_A_PAGE = 40
"""Of a LaTeX table; longer ones go on in another."""


def markdown(blocks: Sequence[Block]) -> str:
    """GitHub's Markdown; the figure is efficiency.svg beside it."""
    return "\n\n".join([WRITTEN_BY, *map(_markdown_block, blocks)]) + "\n"


def html(blocks: Sequence[Block], svg: str) -> str:
    """One self-contained page, light and dark, with the figure in it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("sdzero_bench.reporting")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    image = Markup(svg[max(svg.find("<svg"), 0) :])  # without the XML declaration, which a page must not have in its middle
    return environment.get_template("leaderboard.html.j2").render(
        blocks=[{"kind": type(block).__name__, "content": block} for block in blocks], image=image
    )


def latex(blocks: Sequence[Block]) -> str:
    """A document with booktabs tables, each of which can be lifted into another; the figure is efficiency.png beside it."""
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
        case Figure(alternative):
            return f"![{_escape_markdown(alternative)}](efficiency.svg)"


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
        case Figure():
            return "\\IfFileExists{efficiency.png}{\\includegraphics[width=\\linewidth]{efficiency.png}}{}"


def _latex_table(table: Table, rows: list[list[str]]) -> str:
    columns = "".join("l" if _is_text(table, i) else "r" for i in range(len(table.headings)))
    # In braces, as a row that began with a bracket would be read as an option of the line break before it.
    lines = [" & ".join(f"{{{escape_latex(cell)}}}" for cell in row) + r" \\" for row in [table.headings, *rows]]
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    return f"\\fit{{\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}}}"


def _is_text(table: Table, column: int) -> bool:
    return column < table.left or table.headings[column] == "supervision"
