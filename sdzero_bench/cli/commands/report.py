"""`sdzero-bench report`: a leaderboard of all runs below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds runs or packed records, at any depth.")],
    format: Annotated[
        list[str] | None, typer.Option(help="md, csv, html, latex or json, or several: `md,html`. Default: md.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write files here, with the figure; DIR itself will do. A page links to the records below or beside it."
        ),
    ] = None,
    experiments: Annotated[
        bool, typer.Option("--experiments", help="Also the paper's tables and figures that these runs are enough for.")
    ] = False,
    reference: Annotated[str | None, typer.Option(help="Row that differences are taken to. Default: base.")] = None,
) -> None:
    """Rank the methods of all finished runs below a folder, with intervals over questions and seeds, and what they cost.

    Runs are ranked together only if they share questions, budget, model, sampling, evaluation and optimiser; others get a
    leaderboard of their own, whose heading says in what they differ.

    Examples:

    sdzero-bench report runs

    sdzero-bench report results/micro --out results/micro --format md,html,json

    sdzero-bench report runs --reference rft
    """
    from sdzero_bench.core.errors import unknown
    from sdzero_bench.report.leaderboard.report_files import FORMATS, Report

    named = (name.strip() for text in format or ["md"] for name in text.split(","))
    formats: list[Any] = list(dict.fromkeys(name for name in named if name))
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    made = Report(folder, reference)
    if experiments:
        from sdzero_bench.report.reproduce.complete import complete

        for section in complete(folder):
            name = section.experiment.name
            made.add(section.blocks, {f"{name}.{ending}": image for ending, image in section.images.items()})
    if out is None:
        for name in formats:
            typer.echo("\n".join(made.text(name).values()), nl=False)
        return
    for path in made.write(out, formats):
        typer.echo(str(path))
