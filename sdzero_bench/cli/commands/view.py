"""`sdzero-bench view`: every sample of runs on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Runs, finished or not, packed records, or folders that contain them."),
    ],
    phase: Annotated[
        list[str] | None, typer.Option(help="Only samples of this phase, or of phases such as 'evaluation.*'; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="File to write.", show_default="samples.html, or none with --serve")
    ] = None,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Serve the page to browsers on this machine until Ctrl-C; a reload reads the runs again."),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port of --serve; 0: any free one.")] = 7575,
) -> None:
    """Write a page with every sample of runs: prompts, completions and verdicts, to read in a browser.

    The page filters by run, phase, question, outcome and length, searches
    prompts and completions, and shows a first attempt beside its revision. It
    colours the tokens of responses whose localisation was measured
    (evaluation.localise). It is one file, which needs no network and can be
    sent to others; its address leads to the sample that is shown. Press ? in it
    for its keys.

    Examples:

    sdzero-bench view runs/sdzero-micro-arith-s0-20260101-120000

    sdzero-bench view results/micro/sdzero-* --phase evaluation.final \\
        --out all.html

    sdzero-bench view runs/sdzero-micro-arith-s0-20260101-120000 --serve
    """
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.folder import write_atomic
    from sdzero_bench.records.packing import run_folders
    from sdzero_bench.report.viewer.page_server import page_server
    from sdzero_bench.report.viewer.sample_table import read_samples, run_names
    from sdzero_bench.report.viewer.viewer_page import viewer_page
    from sdzero_bench.runs.quiet_libraries import quiet_libraries

    folders = run_names(folder for below in runs for folder in run_folders(below))
    if not folders:
        raise UserError(f"no run in {', '.join(map(str, runs))}; give the folder of a run or of a packed record")

    def page() -> str:
        with quiet_libraries():
            return viewer_page(read_samples(folders, phase or ()))

    if out is not None or not serve:
        path = out or Path("samples.html")
        write_atomic(path, page())
        typer.echo(str(path))
    if serve:
        with page_server(page, port) as server:
            typer.echo(f"http://{server.server_address[0]!s}:{server.server_port}/  (Ctrl-C ends it)", err=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                typer.echo("", err=True)
