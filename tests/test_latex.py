"""The report in LaTeX compiles, whatever the names of methods and tasks hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from synthetic_records import write_comparison, write_record

from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.report.rendering.blocks import Figure, Heading, Notes, Table
from sdzero_bench.report.rendering.formats import latex
from sdzero_bench.report.rendering.latex import CHARACTERS, escape_latex

HOSTILE = 'a|b_c & 100% #{~^\\}$ \\end{document} "x" it\'s --set `y´ [z] ü ß ő ħ u\u0308 日本 β≥1 \x07 \u202e 🙂'


def compiled(folder: Path, name: str = "leaderboard.tex") -> str:
    """The log of pdflatex on a document, which has to become a PDF."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / name).with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    return (folder / name).with_suffix(".log").read_text(errors="replace")


def complaints(log: str) -> list[str]:
    """What a reader would see: glyphs that are missing, lines and pages that run over the edge, things undefined."""
    return re.findall(r"^(?:Missing character|Overfull|.*[Uu]ndefined|LaTeX Font Warning: Some).*", log, re.MULTILINE)


@pytest.mark.latex
def test_a_report_compiles_with_its_figure_and_nothing_runs_over_the_edge(tmp_path: Path) -> None:
    write_comparison(tmp_path / "runs")
    Report(tmp_path / "runs").write(tmp_path, ["latex"])
    log = compiled(tmp_path)
    assert complaints(log) == []
    assert "<efficiency.png" in log


@pytest.mark.latex
def test_names_that_mean_harm_compile_too(tmp_path: Path) -> None:
    name = HOSTILE + " " + "long/name_" * 20 + "x" * 120
    write_comparison(tmp_path / "runs")
    for method, accuracy in (("rft", 0.6), ("srt", 0.8)):
        odd = {"supervision": name, "config": {"model": {"name": name}}, "intervals": False}
        write_record(tmp_path / "runs" / method, method, 0, accuracy, base=0.5, **odd)
    (tmp_path / "leaderboard.tex").write_text(Report(tmp_path / "runs").text("latex")["leaderboard.tex"])
    assert complaints(compiled(tmp_path)) == []


PAPER = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\begin{table}\resizebox{\linewidth}{!}{\input{NAME}}\caption{A table of ours.}\end{table}
\end{document}
"""


@pytest.mark.latex
def test_a_table_alone_can_be_read_into_a_paper(tmp_path: Path) -> None:
    write_comparison(tmp_path / "runs")
    write_record(tmp_path / "runs" / "odd", "srt", 0, 0.8, base=0.5, supervision=HOSTILE)
    (written,) = [path for path in Report(tmp_path / "runs").write(tmp_path, ["latex-tables"]) if path.suffix == ".tex"]
    (tmp_path / "paper.tex").write_text(PAPER.replace("NAME", written.name))
    assert complaints(compiled(tmp_path, "paper.tex")) == []
    assert "documentclass" not in written.read_text()


@pytest.mark.latex
def test_every_character_that_is_escaped_or_passed_through_compiles(tmp_path: Path) -> None:
    characters = [*CHARACTERS, *map(chr, range(0x20, 0x250)), *"–—‘’“”…₂", "---", "``", "?`", "[x]"]
    blocks = [Notes(["x"]), Table(["c"] * 20, [characters[i : i + 20] for i in range(0, len(characters) - 20, 20)])]
    (tmp_path / "all.tex").write_text(latex([*blocks, *(Heading(level, "".join(CHARACTERS)) for level in range(1, 5))]))
    assert complaints(compiled(tmp_path, "all.tex")) == []


@pytest.mark.latex
def test_a_figure_higher_than_the_page_is_made_to_fit(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (100, 1000)).save(tmp_path / "high.png")
    (tmp_path / "high.tex").write_text(latex([Heading(1, "High"), Figure("high", "high"), Figure("missing", "not there")]))
    assert complaints(compiled(tmp_path, "high.tex")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a_b\n\nc", r"a\_b c"), ("--set", "-{}-set"), ("日", r"\texttt{U+65E5}"), ("u\u0308", "ü"), ("-1.5", "-1.5")],
)
def test_escaping(text: str, expected: str) -> None:
    assert escape_latex(text) == expected


def test_only_long_words_may_be_broken_and_no_number() -> None:
    said = latex([Notes(["Holm-corrected p of 1,234.5 in some/folder_of/a_model-with/a-long.name"])])
    assert r"Holm-corrected p of 1,234.5 in some/folder\_of/a\_\allowbreak{}model-with/a-long.\allowbreak{}name" in said
