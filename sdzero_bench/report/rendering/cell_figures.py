"""The figure at the beginning of a table cell: `92.8 [91.2, 94.1]*`, `0.2 [-0.9, 1.1]=`, `1,234`, `0.033 CPU`, `< 0.0001`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sdzero_bench.report.rendering.blocks import DASH, Table

_NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_FIGURE = re.compile(rf"(?P<below>< )?(?P<mean>{_NUMBER})(?: \[(?P<low>{_NUMBER}), (?P<high>{_NUMBER})\])?(?=[\s*=]|$)")


@dataclass(frozen=True)
class CellFigure:
    mean: float
    interval: tuple[float, float] | None = None


def figure(text: str) -> CellFigure | None:
    """The figure of a cell; None if it does not begin with one."""
    found = _FIGURE.match(text)
    if found is None:
        return None
    mean = _number(found["mean"])
    if found["below"]:
        mean /= 2  # only the bound is known; the cell sorts before the bound itself
    return CellFigure(mean, (_number(found["low"]), _number(found["high"])) if found["low"] else None)


def sort_keys(table: Table, column: int) -> list[float | None] | None:
    """The means in a column, None for cells without one; None for a column of text.

    A column of names counts as figures only if its cells are nothing but numbers, such as ranks.
    """
    cells = [row[column] for row in table.rows]
    found = [figure(cell) for cell in cells]
    if column < table.left:
        found = [f if re.fullmatch(_NUMBER, cell) else None for f, cell in zip(found, cells, strict=True)]
    is_text = any(f is None and cell not in (DASH, "") for f, cell in zip(found, cells, strict=True))
    return None if is_text else [f.mean if f else None for f in found]


def _number(text: str) -> float:
    return float(text.replace(",", ""))
