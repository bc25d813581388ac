"""A report as one self-contained HTML page: light, dark, on a phone and in print; readable without scripts."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sdzero_bench.report.rendering.bars import WIDTH, draw_bars
from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Table
from sdzero_bench.report.rendering.cell_figures import sort_keys

LONG = 20
"""Rows of a table from which on it scrolls within the page."""

DEEPEST = 3
"""Level of the headings that the table of contents lists."""


def html(blocks: Sequence[Block], images: Mapping[str, str], title: str = "Leaderboard", folder: Path | None = None) -> str:
    """The page. `images` holds the SVG text of each `Figure` by its name.

    `folder` is where the page will lie: rows then link to their records, those beside the page or below it. What the records
    say can load or run nothing: the page's own policy allows its one script, by the script's hash, and images within the page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("sdzero_bench.report.rendering")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style, script = (
        (files("sdzero_bench.report.rendering.templates") / name).read_text("utf-8") for name in ("page.css", "page.js")
    )
    script = f"\n{script}"
    sections = [(i, b) for i, b in enumerate(blocks) if isinstance(b, Heading) and 1 < b.level <= DEEPEST]
    return environment.get_template("page.html.j2").render(
        title=title,
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        contents=[{"number": i, "level": b.level, "text": b.text} for i, b in sections] if len(sections) > 1 else [],
        blocks=list(_in_place(blocks, images, folder)),
        bar_width=WIDTH,
    )


def _in_place(blocks: Sequence[Block], images: Mapping[str, str], folder: Path | None) -> Iterator[dict[str, Any]]:
    """Each block with what the template needs to know beside its content."""
    last = ""
    for number, block in enumerate(blocks):
        known: dict[str, Any] = {"kind": type(block).__name__, "content": block, "number": number}
        match block:
            case Heading(_, text):
                last = text
            case Table():
                known |= _table(block, folder) | {"label": last}
            case Figure(name):
                # As an image, and not as elements of the page: figures then share no ids, and can neither load nor run a thing.
                known["source"] = f"data:image/svg+xml;base64,{base64.b64encode(images[name].encode()).decode()}"
        yield known


def _table(table: Table, folder: Path | None) -> dict[str, Any]:
    links = [[(record, link) for record in row if (link := _link(record.folder, folder))] for row in table.records]
    return {
        "keys": [sort_keys(table, column) for column in range(len(table.headings))],
        "drawn": draw_bars(table),
        "long": len(table.rows) > LONG,
        "called": range(table.left)[table.called],
        "links": links if any(links) else [],
    }


def _link(record: Path, folder: Path | None) -> str | None:
    """From the page to a record; None where the two can hardly travel together."""
    if folder is None:
        return None
    record, folder = record.resolve(), folder.resolve()
    if not record.is_relative_to(folder.parent):
        return None
    return quote(Path(os.path.relpath(record, folder)).as_posix()) + "/"
