"""A report as one self-contained HTML page for screens, phones and print, light and dark; readable without scripts."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from sdzero_bench.report.rendering.bars import WIDTH, draw_bars
from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Table
from sdzero_bench.report.rendering.cell_figures import sort_keys

LONG = 20
"""Tables with more rows than this scroll within the page."""

DEEPEST = 3
"""Level of the headings that the table of contents lists."""


def html(blocks: Sequence[Block], images: Mapping[str, str], title: str = "Leaderboard", folder: Path | None = None) -> str:
    """The page as HTML.

    images:
        SVG text of each `Figure`, by its name.
    folder:
        Folder of the page. Rows then link to their records, if those are beside or below the page.

    Text from records cannot load or run anything: the page's content security policy allows only its own script, by hash, and
    images within the page.
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


def _in_place(blocks: Sequence[Block], images: Mapping[str, str], folder: Path | None) -> Iterator[dict[str, object]]:
    """Each block with what the template needs in addition to its content."""
    last = ""
    for number, block in enumerate(blocks):
        known: dict[str, object] = {"kind": type(block).__name__, "content": block, "number": number}
        match block:
            case Heading(_, text):
                last = text
            case Table():
                known |= _table(block, folder) | {"label": last}
            case Figure(name):
                # As an image, not as elements of the page, so that figures share no ids and cannot load or run anything.
                known["source"] = f"data:image/svg+xml;base64,{base64.b64encode(images[name].encode()).decode()}"
        yield known


def _table(table: Table, folder: Path | None) -> dict[str, object]:
    links = [[(record, link) for record in row if (link := _link(record.folder, folder))] for row in table.records]
    return {
        "keys": [sort_keys(table, column) for column in range(len(table.headings))],
        "drawn": draw_bars(table),
        "long": len(table.rows) > LONG,
        "called": range(table.left)[table.called],
        "links": links if any(links) else [],
    }


def _link(record: Path, folder: Path | None) -> str | None:
    """The link from the page to a record; None for records that are neither beside nor below the page."""
    if folder is None:
        return None
    record, folder = record.resolve(), folder.resolve()
    if not record.is_relative_to(folder.parent):
        return None
    return quote(Path(os.path.relpath(record, folder)).as_posix()) + "/"
