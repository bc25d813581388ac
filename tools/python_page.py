"""docs/python.md: its tables of columns; docs/notebooks: their outputs. `python -m tools.python_page`, or `make notebooks`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sdzero_bench.api import frame_columns
from sdzero_bench.core.text import markdown_table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "python.md"
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
BEGIN, END = "<!-- columns -->", "<!-- end of the columns -->"

FRAMES = {
    "runs": "`records.runs`",
    "evaluation": "`records.evaluation`",
    "by_question": "`records.by_question`",
    "ledger": "`records.ledger`",
    "training": "`records.training`",
    "logged": "`records.training` has further columns, each where it applies. Others, such as `clip_ratio/low_mean`, are TRL's",
    "samples": "`records.samples`",
    "standings": "`board.standings`",
    "pairs": "`board.pairs`",
    "costs": "`board.costs`",
    "questions": "`pair.questions`",
}


def with_columns(page: str) -> str:
    """The page with the tables between the two markers replaced."""
    parts = []
    for name, shown in FRAMES.items():
        columns: frame_columns.Columns = getattr(frame_columns, name.upper())
        rows = [[f"`{column}`", dtype, meaning] for column, (dtype, meaning) in columns.items()]
        parts.append(f"{shown}:\n\n{markdown_table(['column', 'dtype', ''], _shortened(rows), left=3)}")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{before}{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}{after}"


def _shortened(rows: list[list[str]]) -> list[list[str]]:
    """A figure and the two ends of its interval on one line."""
    with_ends = [f"{row[0]}, `_low`, `_high`" if f"{row[0][:-1]}_low`" in {r[0] for r in rows} else row[0] for row in rows]
    return [[name, *row[1:]] for name, row in zip(with_ends, rows, strict=True) if not re.search(r"_(low|high)`$", row[0])]


def executed(notebook: Path) -> Any:
    """The notebook with new outputs, run in its own folder. Raises `CellExecutionError` for a cell that fails."""
    import nbformat
    from nbclient import NotebookClient

    content = nbformat.read(notebook, as_version=4)
    # Without times, which would differ each time.
    client = NotebookClient(content, kernel_name="python3", resources={"metadata": {"path": notebook.parent}}, timeout=300)
    client.record_timing, client.coalesce_streams = False, True
    return client.execute()


if __name__ == "__main__":
    import nbformat

    PAGE.write_text(with_columns(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
