"""`sdzero-bench pack`: finished runs as small records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdzero_bench.core.text import counted


def pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run, or a folder that contains runs.")],
    out: Annotated[Path, typer.Option(help="Folder for the records; the folder structure below DIR is kept.")],
    alone: Annotated[
        bool, typer.Option("--alone", help="Keep each record whole: its question sets go inside it, not beside all records.")
    ] = False,
) -> None:
    """Pack finished runs into records small enough to commit: all samples and figures, but no checkpoints and no images.

    Tuning trials are runs and are packed too, so that the choice of settings
    can be audited. Unfinished runs are skipped. Existing records of the same
    runs are replaced.

    Records share the folder question_sets in the output folder. With --alone,
    each record can be sent by itself.

    Examples:

    sdzero-bench pack runs --out results/mine

    sdzero-bench validate results/mine
    """
    from rich.console import Console
    from rich.filesize import decimal

    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.packing import pack as write_record
    from sdzero_bench.records.packing import run_folders
    from sdzero_bench.records.record_files import is_finished

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if out.resolve() == folder.resolve():
        raise UserError(f"--out is {str(folder)!r} itself, which holds the runs; choose another folder")
    # If `out` lies below `folder`, the records of an earlier call must not be packed as runs.
    below = folder.resolve() in out.resolve().parents
    runs = [run for run in run_folders(folder) if not (below and out.resolve() in run.resolve().parents)]
    if not runs:
        raise UserError(f"there is no run below {str(folder)!r}")
    records, skipped, total = 0, 0, 0
    for run in runs:
        if not is_finished(run):
            console.print(f"skipped, not finished: {run}")
            skipped += 1
            continue
        record = write_record(run, (out / run.relative_to(folder)).parent if run != folder else out, shared=out, alone=alone)
        size = sum(path.stat().st_size for path in record.rglob("*") if path.is_file())
        console.print(f"{decimal(size):>10}  {record}")
        records, total = records + 1, total + size
    left = counted(skipped, "unfinished run")
    console.print(f"{counted(records, 'record')}, {decimal(total)}, in {out}; {left} skipped")
