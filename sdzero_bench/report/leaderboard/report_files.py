"""A report of all runs below a folder: from records to files, the same records giving the same bytes."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.records.reader import load_runs
from sdzero_bench.report.leaderboard import evaluations
from sdzero_bench.report.leaderboard.curve_views import CURVES, draw_curves
from sdzero_bench.report.leaderboard.document import EFFICIENCY, document, heading, standings_table
from sdzero_bench.report.leaderboard.efficiency import draw
from sdzero_bench.report.leaderboard.exports import as_csv, as_data
from sdzero_bench.report.leaderboard.grouping import collect
from sdzero_bench.report.leaderboard.leaderboard import TaskTable, boards_of
from sdzero_bench.report.rendering.blocks import Block
from sdzero_bench.report.rendering.formats import REPORT, html, is_written_by, latex, markdown
from sdzero_bench.report.rendering.latex import latex_table

Format = Literal["md", "csv", "html", "latex", "latex-tables", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)


class Report:
    """Of all runs below one folder or several; one that is below two of them is read once.

    Raises `UserError` for records that cannot be read, and for a reference that has no row in any table.
    """

    def __init__(self, folders: Path | Sequence[Path], reference: str | None = None, margin: float = MARGIN) -> None:
        self.collection = collect(load_runs(*([folders] if isinstance(folders, Path) else folders)))
        self.boards = boards_of(self.collection, reference, margin)
        self.blocks = [*document(self.collection, self.boards), *evaluations.blocks(self.collection.evaluations)]

    @cached_property
    def images(self) -> dict[str, bytes]:
        """The figures by the names of their files, each as PNG and SVG; none where nothing was trained."""
        tables = [(self._title(board, table), table) for board in self.boards for table in board]
        if not tables:
            return {}
        found = {EFFICIENCY: draw(tables)}
        if curves := [(title, own) for title, table in tables if (own := table.curves) is not None]:
            found[CURVES] = draw_curves(curves)
        return {f"{name}.{ending}": image for name, both in found.items() for ending, image in both.items()}

    def text(self, format: Format, out: Path | None = None) -> dict[str, str]:
        """The files of one format: name to content. In a page that will lie in `out`, rows link to their records near it."""
        match format:
            case "md":
                return {"README.md": markdown(self.blocks)}
            case "csv":
                return as_csv(self.collection, self.boards)
            case "html":
                svgs = {name.removesuffix(".svg"): data.decode() for name, data in self.images.items() if name.endswith(".svg")}
                return {"leaderboard.html": html(self.blocks, svgs, folder=out)}
            case "latex":
                return {"leaderboard.tex": latex(self.blocks)}
            case "latex-tables":
                tables = [table for board in self.boards for table in board]
                return {f"{name}.tex": latex_table(standings_table(t)) for name, t in zip(_names(tables), tables, strict=True)}
            case "json":
                data = as_data(self.collection, self.boards)
                return {"leaderboard.json": json.dumps(data, indent=2, ensure_ascii=False) + "\n"}
        raise UserError(f"unknown format {format!r}; there are: {', '.join(FORMATS)}")

    def add(self, blocks: Iterable[Block], images: Mapping[str, bytes]) -> None:
        """What else its documents say, below the leaderboard; `images` by the names of their files."""
        self.blocks += blocks
        self.images.update(images)

    def write(self, out: Path, formats: Iterable[Format]) -> list[Path]:
        """Write the files of these formats, and the figures as PNG and SVG. Returns their paths.

        Raises `UserError`, before anything is written, if there is a README.md that this did not write.
        """
        readme = out / "README.md"
        files = {name: text for format in formats for name, text in self.text(format, out).items()}
        if "README.md" in files and readme.is_file() and not is_written_by(readme.read_text(encoding="utf-8"), REPORT):
            raise UserError(f"{str(readme)!r} was not written by a report; move it, or choose another folder with --out")
        for name, text in files.items():
            write_atomic(out / name, text)
        for name, data in self.images.items():
            write_bytes(out / name, data)
        return [out / name for name in [*files, *self.images]]

    def _title(self, board: Sequence[TaskTable], table: TaskTable) -> str:
        title = heading(board, self.boards)
        return title if len(board) == 1 else f"{table.group.task}, of {title}"


def _names(tables: Sequence[TaskTable]) -> list[str]:
    """File names by task; a number distinguishes further tables of the same task."""
    tasks = [re.sub(r"[^A-Za-z0-9_-]+", "-", table.group.task) for table in tables]
    again = [tasks[:place].count(task) for place, task in enumerate(tasks)]
    return [f"leaderboard-{task}" + (f"-{n + 1}" if n else "") for task, n in zip(tasks, again, strict=True)]


def write_bytes(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
