"""The content of a report, independent of its format: headings, tables, notes and figures.

All text is plain and may contain any characters; the formats escape it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DASH = "-"
"""A cell without a figure."""


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Bars:
    """Columns of `mean [low, high]` that a format may also draw, all on one scale."""

    columns: Sequence[int]
    mark: float | None = None
    """Value of the reference row, drawn as a line, in the unit of the cells."""
    marked: str = ""
    """What the line stands for, usually the name of the reference row."""


@dataclass(frozen=True)
class RecordLink:
    """The folder of a run that a row is computed from; `label` distinguishes the runs of a row."""

    label: str
    run_id: str
    folder: Path


@dataclass(frozen=True)
class Table:
    """A table whose first `left` columns are names and the others figures."""

    headings: list[str]
    rows: list[list[str]]
    left: int = 1
    bars: Bars | None = None
    records: Sequence[Sequence[RecordLink]] = ()
    """The records of each row, for formats with links; empty if unknown."""
    called: int = -1
    """Index, among the names, of the one that identifies the row; by default the last."""
    whole: bool = False
    """Whether a page shows all of it at once, however long it is and however narrow the screen."""


@dataclass(frozen=True)
class Notes:
    lines: list[str]


@dataclass(frozen=True)
class Figure:
    """An image by the stem of its file name, such as `efficiency`, and its alternative text."""

    name: str
    alternative: str


Block = Heading | Table | Notes | Figure
