"""`sdzero-bench report`: the leaderboard of all runs below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders that contain runs or packed records, at any depth.")
    ],
    format: Annotated[
        list[str] | None,
        typer.Option(
            help="md, csv, html, latex, latex-tables (one file per table, for a paper) or json; several as `md,html` or by "
            "repeating the option. Default: tables that fit the terminal; md where there is none."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write files and the figure to this folder, which may be DIR; the page links to records below or beside it. "
            "Default: print the report."
        ),
    ] = None,
    experiments: Annotated[
        bool,
        typer.Option("--experiments", help="Also include the paper's tables and figures that these runs are sufficient for."),
    ] = False,
    reference: Annotated[str | None, typer.Option(help="Row that differences are relative to. Default: base.")] = None,
    margin: Annotated[
        float,
        typer.Option(min=0.1, max=50, metavar="POINTS", help="Points of avg@k within which two rows count as equivalent."),
    ] = 2.0,
) -> None:
    """Rank the methods of all finished runs below some folders, with intervals over questions and seeds, and their cost.

    Only runs with the same questions, budget, model, sampling, evaluation and
    optimizer are ranked together. The others get leaderboards of their own,
    whose headings state the difference. Runs of an older major bench version
    are listed and not ranked. Submissions that no maintainer has verified are
    marked: they have the rank that they would have, and change no other.

    Examples:

    sdzero-bench report runs

    sdzero-bench report results/micro --out results/micro --format md,html,json

    sdzero-bench report runs --reference rft

    sdzero-bench report results/micro runs
    """
    from sdzero_bench.core.errors import UserError, unknown
    from sdzero_bench.report.leaderboard.report_files import FORMATS, Report

    names = dict.fromkeys(stripped for text in format or ["md"] for name in text.split(",") if (stripped := name.strip()))
    if not names:
        raise UserError(f"--format names none; there are: {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    formats = [known for name in names for known in FORMATS if known == name]
    made = Report(folders, reference, margin / 100)
    if experiments:
        from sdzero_bench.report.reproduce.complete import complete

        for section in complete(folders):
            name = section.experiment.name
            made.add(section.blocks, {f"{name}.{ending}": image for ending, image in section.images.items()})
    if out is None:
        from rich.console import Console

        from sdzero_bench.report.rendering.formats import to_read
        from sdzero_bench.report.rendering.terminal import show

        if format is None and (console := Console(highlight=False)).is_terminal:
            show(made.blocks, console)
            return
        for known in formats:
            text = "\n".join(made.text(known).values())
            typer.echo(to_read(text) if known == "md" else text, nl=False)
        return
    for path in made.write(out, formats):
        typer.echo(str(path))
