"""The notebooks of docs/, with their outputs, as pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat

from tools.docs_site.repository import ROOT


def notebook_pages() -> dict[str, str]:
    """Path below docs/ to Markdown, for every notebook."""
    docs = ROOT / "docs"
    return {
        path.relative_to(docs).with_suffix(".md").as_posix(): "\n\n".join(_parts(nbformat.read(path, as_version=4), path.name))
        for path in sorted((docs / "notebooks").glob("*.ipynb"))
    }


def _parts(notebook: Any, name: str) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield cell.source
        elif cell.source:
            yield f"```python\n{cell.source}\n```"
            yield from (_output(output) for output in cell.outputs)
        if number == 0:
            yield f"This page is the notebook `docs/notebooks/{name}`, with the outputs of its last run."


def _output(output: Any) -> str:
    """The richest form of an output that a page can show."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    if "image/png" in data:
        return f"![Output](data:image/png;base64,{data['image/png'].strip()})"
    if "text/html" in data:
        return f'<div class="notebook-output" markdown="0">\n{data["text/html"]}\n</div>'
    return f"```text\n{data['text/plain'].rstrip()}\n```"
