"""The files of experiments: Markdown, LaTeX, CSV and JSON of each, figures with their data, and one page of all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.report.leaderboard.report_files import write_bytes
from sdzero_bench.report.rendering.blocks import Block, Heading
from sdzero_bench.report.rendering.formats import html, is_written_by, latex, markdown, written_by
from sdzero_bench.report.reproduce.section import ExperimentSection

COMMAND = "sdzero-bench reproduce"
PAGE, CLAIMS, TABLES = "index.html", "README.md", "tables"


def write(sections: Sequence[ExperimentSection], out: Path, claims: Sequence[Block] = ()) -> list[Path]:
    """Write all; `claims` are the blocks of README.md. Returns the paths.

    Raises `UserError`, before anything is written, if there is a README.md that this did not write.
    """
    readme = out / CLAIMS
    if claims and readme.is_file() and not is_written_by(readme.read_text(encoding="utf-8"), COMMAND):
        raise UserError(f"{str(readme)!r} was not written by this command; move it, or choose another folder with --out")
    tables = out / TABLES
    tables.mkdir(parents=True, exist_ok=True)
    paths = []
    for made in sections:
        for name, text in _texts(made).items():
            write_atomic(tables / name, text)
            paths.append(tables / name)
        for ending, image in made.images.items():
            write_bytes(tables / f"{made.experiment.name}.{ending}", image)
            paths.append(tables / f"{made.experiment.name}.{ending}")
    title = "SD-Zero: tables and figures"
    page = [Heading(1, title), *claims, *(block for made in sections for block in made.blocks)]
    svgs = {made.experiment.name: made.images["svg"].decode() for made in sections if made.images}
    write_atomic(out / PAGE, html(page, svgs, title=title, folder=out))
    paths.append(out / PAGE)
    if claims:
        write_atomic(readme, _marked(markdown([Heading(1, "Results"), *claims])) + _contents(sections))
        paths.append(readme)
    return paths


def _texts(made: ExperimentSection) -> dict[str, str]:
    name = made.experiment.name
    data = {"experiment": name, "question": made.experiment.question, "rows": made.rows, "figure": made.curve}
    texts = {
        f"{name}.md": _marked(markdown(made.blocks)),
        f"{name}.tex": latex(made.blocks),
        f"{name}.csv": _csv(made.rows),
        f"{name}.json": json.dumps(data, indent=2, ensure_ascii=False) + "\n",
    }
    return {**texts, f"{name}.data.csv": _csv(made.curve)} if made.curve else texts


def _contents(sections: Sequence[ExperimentSection]) -> str:
    """Markdown, with links, which blocks do not have; titles and names are the package's own."""
    lines = [f"- [{m.experiment.title}]({TABLES}/{m.experiment.name}.md): {m.experiment.question}" for m in sections]
    return "\n".join(
        ["", "## Tables and figures", "", f"Of the first preset. All on one page: [{PAGE}]({PAGE}).", "", *lines, ""]
    )


def _marked(text: str) -> str:
    """With our own first line instead of the report's."""
    return "\n".join([written_by(COMMAND), *text.splitlines()[1:]]) + "\n"


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
