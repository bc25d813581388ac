"""A report as LaTeX, for pdflatex. It compiles whatever characters the names in it contain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import normalize

from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Notes, Table

ROWS_A_PAGE = 40
"""Maximum number of rows of a table; longer tables are continued in another."""

LONG_WORD = 20
"""Words in running text are broken after at most this many characters, since TeX does not hyphenate paths and names."""

HEAD = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
% Outline fonts instead of bitmaps, if installed.
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\newsavebox{\tablebox}
% A table in its natural size, or scaled to the width of the page if it is wider.
\newcommand{\fit}[1]{\sbox{\tablebox}{#1}\ifdim\wd\tablebox>\linewidth
  \resizebox{\linewidth}{!}{\usebox{\tablebox}}\else\usebox{\tablebox}\fi}
\setlength{\parindent}{0pt}
\sloppy
\begin{document}"""

GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"

CHARACTERS = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "\\textquotedbl{}",
    "'": "\\textquotesingle{}",
    "`": "\\textasciigrave{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{c: f"\\ensuremath{{\\{name}}}" for c, name in zip("αβγδεζηθικλμνξπρστυφχψω", GREEK.split(), strict=True)},
    **{c: f"\\ensuremath{{\\{name}}}" for c, name in {"≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "∞": "infty"}.items()},
    "→": "\\ensuremath{\\rightarrow}",
    "†": "\\dag{}",
    "‡": "\\ddag{}",
    "Δ": "\\ensuremath{\\Delta}",
    "−": "\\ensuremath{-}",
    "-": "-{}",
}

# Characters without a glyph in pdflatex, which has ASCII, most European Latin letters, and typographic dashes and quotes.
_OTHERS = re.compile(r"[^ -~¡-ĥĨ-ķĹ-ľŁ-ňŊ-ťŨ-ž–—‘’“”…]")


def latex(blocks: Sequence[Block]) -> str:
    """A document with booktabs tables, which can be copied into another document. A figure is the PNG file of its name."""
    return "\n\n".join([HEAD, *map(_latex_block, blocks), "\\end{document}\n"])


def latex_table(table: Table) -> str:
    r"""The tabular alone, to be read by `\input` inside a table environment of a paper, which needs the package booktabs."""
    return f"% Needs \\usepackage[T1]{{fontenc}} and \\usepackage{{booktabs}}.\n{_tabular(table, table.rows)}\n"


def escape_latex(text: str) -> str:
    """Escaped text on one line. Double hyphens are preserved; characters without a glyph are named, such as `U+65E5`."""
    return re.sub(r"""[^a-zA-Z0-9 .,:;()\[\]!?/+*=@-]|-(?=-)""", _character, normalize("NFC", " ".join(text.split())))


def _character(found: re.Match[str]) -> str:
    character = found[0]
    if character in CHARACTERS:
        return CHARACTERS[character]
    return f"\\texttt{{U+{ord(character):04X}}}" if _OTHERS.match(character) else character


def _running(text: str) -> str:
    """Escaped running text, with breaks in long words."""
    return " ".join(map(_word, text.split()))


def _word(word: str) -> str:
    if len(word) <= LONG_WORD:
        return escape_latex(word)
    parts = re.findall(rf".{{1,{LONG_WORD - 1}}}[/._:,=-]|.{{1,{LONG_WORD}}}", word)
    return "\\allowbreak{}".join(map(escape_latex, parts))


def _latex_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            command = {1: "section", 2: "subsection", 3: "subsubsection"}.get(level, "paragraph")
            return f"\\{command}*{{{_running(text)}}}" + ("~\\par" if command == "paragraph" else "")
        case Table(_, rows):
            pages = [rows[start : start + ROWS_A_PAGE] for start in range(0, len(rows), ROWS_A_PAGE)]
            return "\n\n".join(f"\\fit{{{_tabular(block, page)}}}" for page in pages)
        case Notes(lines):
            items = "\n".join(f"  \\item {_running(line)}" for line in lines)
            return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"
        case Figure(name):
            size = "width=\\linewidth,height=.9\\textheight,keepaspectratio"
            return f"\\IfFileExists{{{name}.png}}{{\\includegraphics[{size}]{{{name}.png}}}}{{}}"


def _tabular(table: Table, rows: list[list[str]]) -> str:
    columns = "".join("l" if _is_text(table, i) else "r" for i in range(len(table.headings)))
    # In braces, since a row that begins with a bracket would be read as an option of the preceding line break.
    lines = [" & ".join(f"{{{escape_latex(cell)}}}" for cell in row) + r" \\" for row in [table.headings, *rows]]
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    return f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}"


def _is_text(table: Table, column: int) -> bool:
    return column < table.left or table.headings[column] == "supervision"
