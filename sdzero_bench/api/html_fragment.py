"""Blocks of a report as a piece of HTML for a notebook. All text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from sdzero_bench.report.rendering.blocks import Block, Figure, Heading, Notes, Table


def fragment(blocks: Iterable[Block]) -> str:
    """Headings, tables and notes; figures are left out."""
    return "\n".join(map(_html, blocks))


def _html(block: Block) -> str:
    match block:
        case Heading(_, text):
            return f"<h4>{escape(text)}</h4>"
        case Table(headings, rows, left):
            lines = ["".join(_cell("th", cell, place < left) for place, cell in enumerate(headings))]
            lines += ["".join(_cell("td", cell, place < left) for place, cell in enumerate(row)) for row in rows]
            return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
        case Notes(lines):
            return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
        case Figure():
            return ""


def _cell(tag: str, text: str, left: bool) -> str:
    return f'<{tag} style="text-align: {"left" if left else "right"}">{escape(text)}</{tag}>'
