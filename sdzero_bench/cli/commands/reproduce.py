"""`sdzero-bench reproduce`: a table or figure of the paper, from the runs that it takes to the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.allow_weaker import ALLOW_WEAKER, ALLOW_WEAKER_SETTING
from sdzero_bench.cli.commands.executing import quiet_libraries

if TYPE_CHECKING:
    from sdzero_bench.report.reproduce.cells import Setting
    from sdzero_bench.report.reproduce.experiment import Experiment
    from sdzero_bench.report.reproduce.shelf import Shelf


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Experiments, `all`, or YAML files of your own; none: list them."),
    ] = None,
    preset: Annotated[str, typer.Option(help="Settings to start from; see `sdzero-bench presets`.")] = "micro",
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of every run. Default: each experiment's own.")] = None,
    model: Annotated[str | None, typer.Option(help="Base policy: a directory, or a name on the hub.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings, over those of the preset.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting of every run; repeatable.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where runs are made, and looked for.")] = Path("runs/reproduce"),
    reuse: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Look for finished runs or packed records here too; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where tables and figures are written.")] = Path("reproduction"),
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time; they share the cores, or the GPUs.")] = 1,
    no_runs: Annotated[bool, typer.Option("--no-runs", help="Write what the runs that are there allow; start none.")] = False,
    allow_weaker_sandbox: Annotated[bool, typer.Option("--allow-weaker-sandbox", help=ALLOW_WEAKER)] = False,
) -> None:
    """Make the paper's tables and figures again, from runs of your own.

    Runs what is missing, reuses what is there, whichever experiment it was made for, and writes each table as Markdown, LaTeX,
    CSV and JSON, each figure as SVG and PNG with its data, and a page of all. The same command again goes on where it was
    cut off. `all` also says, claim by claim of the paper, whether it holds in these runs.

    Examples:

    sdzero-bench reproduce

    sdzero-bench reproduce table11 figure4 --jobs 2

    sdzero-bench reproduce all --reuse results/micro --out results --jobs 2

    sdzero-bench reproduce table1 --preset paper-qwen3-4b --seeds 1 --runs /shared/runs

    Exit code: 0 if all is written from all of its runs, 1 if runs failed or are missing, 2 if nothing was started.
    """
    from sdzero_bench.report.reproduce.cells import Setting, require_own
    from sdzero_bench.report.reproduce.experiment import experiments, named
    from sdzero_bench.report.reproduce.running import missing_measurements, missing_runs, run_missing
    from sdzero_bench.report.reproduce.shelf import Shelf

    given = [*(assign or []), *([ALLOW_WEAKER_SETTING] if allow_weaker_sandbox else [])]
    setting = Setting(preset, seeds, model, config, given)
    require_own(setting)
    chosen = named(names) if names else list(experiments().values())
    folders = [runs, *(reuse or [])]
    with quiet_libraries():
        shelf = Shelf(folders)
        for said in shelf.strange:
            typer.echo(f"left out: {said}", err=True)
        if not names:
            _list(chosen, setting, shelf)
            return
        if not no_runs:
            for entry in run_missing(chosen, setting, folders, runs, jobs):
                if entry.state == "failed":
                    typer.echo(f"{entry.run.label} failed: {entry.reason}", err=True)
            shelf = Shelf(folders)
        paths = _write(chosen, setting, shelf, out, with_claims="all" in names)
    for path in paths:
        typer.echo(str(path))
    lacking = len(missing_runs(chosen, setting, shelf)) + len(missing_measurements(chosen, setting, shelf))
    if lacking:
        typer.echo(f"{lacking} runs are missing, and the rows that need them; the same command tries again", err=True)
        raise SystemExit(1)


def _list(chosen: list[Experiment], setting: Setting, shelf: Shelf) -> None:
    """Each experiment with its state and what is still to be paid for it."""
    from rich.console import Console
    from rich.table import Table

    from sdzero_bench.report.reproduce.cells import cells
    from sdzero_bench.report.reproduce.hours_left import hours
    from sdzero_bench.report.reproduce.running import missing_runs

    console = Console(highlight=False, markup=False)
    table = Table("name", "what", "runs", "missing", "hours", box=None, header_style="bold")
    for experiment in chosen:
        found = cells(experiment, setting)
        missing = shelf.missing(found)
        if (skip := experiment.on(setting.preset).skip) is not None:
            table.add_row(experiment.name, f"{experiment.title} (not here: {skip})", "-", "-", "-", style="dim")
            continue
        style = "green" if not missing else None
        cost = hours([lacking.config for lacking in missing])
        table.add_row(experiment.name, experiment.title, str(len(found)), str(len(missing)), cost, style=style)
    console.print(table)
    whole = missing_runs(chosen, setting, shelf)
    console.print(
        f"\nPreset {setting.preset}. All of them: {len(whole)} runs missing, as experiments share runs, and "
        f"{hours([lacking.config for lacking in whole])} hours at the preset's throughput; verifying is not counted.\n"
        "sdzero-bench reproduce NAME makes one, sdzero-bench reproduce all makes all."
    )


def _write(chosen: list[Experiment], setting: Setting, shelf: Shelf, out: Path, with_claims: bool) -> list[Path]:
    from sdzero_bench.report.reproduce import claims, writing
    from sdzero_bench.report.reproduce.section import section

    sections = [section(experiment, setting, shelf) for experiment in chosen]
    return writing.write(sections, out, claims.blocks(setting, shelf) if with_claims else ())
