"""What a report is made of, apart from the format in which it is written: headings, tables, notes and figures.

All text in them is plain, and may be text of others; a format escapes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DASH = "-"
"""A cell that has no figure."""


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Bars:
    """Columns of `mean [low, high]` that a format may draw as well, all of them on one scale."""

    columns: Sequence[int]
    mark: float | None = None
    """Where on the scale the row is that others are compared with, in the unit of the cells."""
    marked: str = ""
    """The name of that row, or of what else is there."""


@dataclass(frozen=True)
class RecordLink:
    """The folder of a run that a row was made from; `label` tells the runs of one row apart."""

    label: str
    run_id: str
    folder: Path


@dataclass(frozen=True)
class Table:
    """The first `left` columns are names, the others figures."""

    headings: list[str]
    rows: list[list[str]]
    left: int = 1
    bars: Bars | None = None
    records: Sequence[Sequence[RecordLink]] = ()
    """Of each row, for formats with links; empty where none is known."""
    called: int = -1
    """Which of the names is what a row is called; the last of them, unless said."""


@dataclass(frozen=True)
class Notes:
    lines: list[str]


@dataclass(frozen=True)
class Figure:
    """An image by the stem of its file, such as `efficiency`, and what it shows in words."""

    name: str
    alternative: str


Block = Heading | Table | Notes | Figure
