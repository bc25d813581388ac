"""`sdzero-bench push`: a run's policy on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    to: Annotated[str | None, typer.Option(metavar="OWNER/NAME", help="Repository on the Hub; created if needed.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Write the files to this folder instead, to look at them first.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Create the repository as private.")] = False,
) -> None:
    """Publish a run's final policy on the Hugging Face Hub, with a model card of its figures and the record behind them.

    Examples:

    sdzero-bench push runs/sdzero-gsm8k-s0-20260101-120000 --folder published

    sdzero-bench push runs/sdzero-gsm8k-s0-20260101-120000 \\
        --to me/qwen3-4b-sdzero --private
    """
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.report import publishing

    if (to is None) == (folder is None):
        raise UserError("give either --to OWNER/NAME or --folder DIR")
    if to is not None:
        typer.echo(publishing.push(run, to, private))
        return
    assert folder is not None
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{str(folder)!r} is not empty; choose another folder")
    publishing.stage(run, folder)
    typer.echo(str(folder))
