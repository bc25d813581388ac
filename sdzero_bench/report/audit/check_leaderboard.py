"""A leaderboard checked against its records: regenerated from them, its tables must be the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdzero_bench.core.text import counted
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.report.audit.audited_record import read_json

if TYPE_CHECKING:
    from sdzero_bench.report.leaderboard.report_files import Report

DATA, README = "leaderboard.json", "README.md"
FIRST_LINE = "<!-- Written by `sdzero-bench report`"
"""How a README.md begins that is a leaderboard; another one is its author's own."""

_AGAIN = "regenerated from the records"


def leaderboards(below: Path) -> list[Path]:
    """The folders below one, itself included, that hold a leaderboard."""
    found = [path for name in (DATA, README) for path in below.rglob(name)]
    return sorted({path.parent for path in found if path.name == DATA or _is_leaderboard(path)})


def check_leaderboard(folder: Path) -> Iterator[Discrepancy]:
    """A finding for each figure, row or line of a leaderboard's files that does not follow from the records in `folder`.

    Compared are the JSON and CSV files number by number, the Markdown and LaTeX files line by line; not the HTML page and the
    pictures, whose bytes differ from one version of matplotlib to the next.
    """
    recorded, problem = read_json(folder, DATA) if (folder / DATA).is_file() else (None, None)
    if problem:
        yield problem
    try:
        made = _made_again(folder, recorded)
        files = {name: text for kind in ("json", "csv", "md", "latex") for name, text in made.text(kind).items()}
    except Exception as error:  # records that are damaged, or files that others have edited
        yield Discrepancy(DATA if recorded else README, f"cannot be regenerated from the records: {error}")
        return
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or (name == README and not _is_leaderboard(path)):
            continue
        if name == DATA:
            if recorded is not None:
                yield from compare(name, "leaderboard", recorded, json.loads(text), _AGAIN)
        else:
            # Without leaderboard.json nothing tells which reference, margin and folders were asked for.
            again = _AGAIN if recorded else f"{_AGAIN} here, with the default reference and margin,"
            yield from _compare_lines(name, path.read_text(encoding="utf-8", errors="replace"), text, again)


def _is_leaderboard(readme: Path) -> bool:
    return readme.read_text(encoding="utf-8", errors="replace").startswith(FIRST_LINE)


def _made_again(folder: Path, recorded: Any) -> Report:
    """With the reference and the margin that leaderboard.json tells; the others go by the defaults."""
    from sdzero_bench.report.leaderboard.report_files import Report

    made = Report(folder)
    if isinstance(recorded, dict):
        told = [table for board in recorded.get("boards", []) for table in board.get("tables", [])]
        usual = [table for board in made.boards for table in board]
        said = [table.get("reference") for table in told]
        chosen = [name for name, table in zip(said, usual, strict=False) if name != table.reference]
        margins = [table["margin"] for table in told if isinstance(table.get("margin"), float)]
        if chosen or (usual and margins and margins[0] != usual[0].margin):
            return Report(folder, chosen[0] if chosen else None, margins[0] if margins else usual[0].margin)
    return made


def _compare_lines(name: str, recorded: str, again: str, source: str) -> Iterator[Discrepancy]:
    same = _close if name.endswith(".csv") else str.__eq__
    pairs = zip_longest(recorded.splitlines(), again.splitlines(), fillvalue="")
    if found := [(number, old, new) for number, (old, new) in enumerate(pairs, start=1) if not same(old, new)]:
        number, old, new = found[0]
        # Lines can be long: from a little before where they part.
        parting = next((i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
        start = max(0, parting - 30)
        yield Discrepancy(
            name,
            f"{counted(len(found), 'line differs', 'lines differ')}, the first being line {number}",
            old[start:],
            new[start:],
            source,
        )


def _close(one: str, other: str) -> bool:
    """Whether two lines of CSV are the same up to the last digits of their numbers."""
    rows = [[_cell(cell) for cell in next(csv.reader([line]), [])] for line in (one, other)]
    return not list(compare("", "", {"row": rows[0]}, {"row": rows[1]}))


def _cell(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
