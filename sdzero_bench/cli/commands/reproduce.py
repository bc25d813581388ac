"""`sdzero-bench reproduce`: the paper's tables and figures, from the runs they need to the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import setting_keys
from sdzero_bench.cli.commands.options import AllowWeaker, ConfigFile, Model, Preset, with_sandbox
from sdzero_bench.cli.commands.tables import print_table
from sdzero_bench.core.text import counted
from sdzero_bench.runs.quiet_libraries import quiet_libraries

if TYPE_CHECKING:
    from sdzero_bench.report.reproduce.cells import Setting
    from sdzero_bench.report.reproduce.experiment import Experiment
    from sdzero_bench.report.reproduce.shelf import Shelf


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Experiments, `all`, or experiment YAML files of your own. Without a name, list them."
        ),
    ] = None,
    preset: Preset = "micro",
    seeds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of seeds of every run. Default: each experiment's own.")
    ] = None,
    model: Model = None,
    config: ConfigFile = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", autocompletion=setting_keys, metavar="KEY=VALUE", help="Override one setting of every run; repeatable."
        ),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder in which runs are created and looked for.")] = Path("runs/reproduce"),
    reuse: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Also look for finished runs or packed records in this folder; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the tables and figures.")] = Path("reproduction"),
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Runs at a time; they share the cores or the GPUs.")] = 1,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PRESET", help="With `all`: also give the claims' verdicts on existing runs of this preset; repeatable."
        ),
    ] = None,
    no_runs: Annotated[bool, typer.Option("--no-runs", help="Start no runs; write what the existing runs allow.")] = False,
    hours: Annotated[
        bool, typer.Option("--hours", help="Start and write nothing; list how long the missing runs would take.")
    ] = False,
    allow_weaker_sandbox: AllowWeaker = False,
) -> None:
    """Reproduce the paper's tables and figures from runs of your own.

    Starts the missing runs, reuses existing ones from any experiment, and
    writes each table as Markdown, LaTeX, CSV and JSON, each figure as SVG and
    PNG with its data, and one page with everything. After an interruption, the
    same command resumes. `all` also reports for each claim of the paper whether
    it holds in these runs.

    Examples:

    sdzero-bench reproduce --hours

    sdzero-bench reproduce table11 figure4 --jobs 2

    sdzero-bench reproduce all --reuse results/micro --out results --jobs 2

    sdzero-bench reproduce all --beside micro-slips

    sdzero-bench reproduce table1 --preset paper-qwen3-4b --seeds 1 \\
        --runs /shared/runs

    Exit code: 0 if everything was written from all of its runs, 1 if runs
    failed or are missing, 2 if nothing was started.
    """
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.record_files import no_folder
    from sdzero_bench.report.reproduce.cells import Setting, require_own
    from sdzero_bench.report.reproduce.experiment import experiments, named
    from sdzero_bench.report.reproduce.running import missing_measurements, missing_runs, run_missing
    from sdzero_bench.report.reproduce.shelf import Shelf

    given = with_sandbox(assign, allow_weaker_sandbox)
    setting = Setting(preset, seeds, model, config, given)
    require_own(setting)
    if beside and "all" not in (names or ()):
        raise UserError("--beside adds columns to the claims, which `sdzero-bench reproduce all` writes")
    compared = [setting, *(Setting(name, seeds, model, config, given) for name in beside or ())]
    chosen = named(names) if names else list(experiments().values())
    for folder in reuse or []:
        if not folder.is_dir():
            raise UserError(f"--reuse: {no_folder(folder)}")
    folders = [runs, *(reuse or [])]
    with quiet_libraries():
        shelf = Shelf(folders)
        for said in shelf.strange:
            typer.echo(f"left out: {said}", err=True)
        if not names or hours:
            _list(chosen, setting, shelf, hours)
            return
        if not no_runs:
            for entry in run_missing(chosen, setting, folders, runs, jobs):
                if entry.state == "failed":
                    typer.echo(f"{entry.run.label} failed: {entry.reason}", err=True)
            shelf = Shelf(folders)
        paths = _write(chosen, setting, shelf, out, compared if "all" in names else [])
    for path in paths:
        typer.echo(str(path))
    lacking = len(missing_runs(chosen, setting, shelf)) + len(missing_measurements(chosen, setting, shelf))
    if lacking:
        typer.echo(
            f"{counted(lacking, 'run is', 'runs are')} missing, and so are the rows that need them; the same command "
            f"{'without --no-runs makes them' if no_runs else 'tries again'}",
            err=True,
        )
        raise SystemExit(1)


def _list(chosen: list[Experiment], setting: Setting, shelf: Shelf, with_hours: bool) -> None:
    """Print each experiment with its runs and the missing ones, and with the hours those would take if asked."""
    from sdzero_bench.report.reproduce.cells import cells

    if with_hours:
        from sdzero_bench.report.reproduce.hours_left import hours
    found = {experiment.name: cells(experiment, setting) for experiment in chosen}
    rows = []
    for experiment in chosen:
        missing = shelf.missing(found[experiment.name])
        if (skip := experiment.on(setting.preset).skip) is not None:
            row = [experiment.name, f"{experiment.title} (not here: {skip})", "-", "-", "-"]
        else:
            row = [experiment.name, experiment.title, str(len(found[experiment.name])), str(len(missing))]
            row += [hours([lacking.config for lacking in missing])] if with_hours else []
        rows.append(row[: 5 if with_hours else 4])
    print_table(["name", "title", "runs", "missing", *(["hours"] if with_hours else [])], rows)
    whole = shelf.missing(cell for own in found.values() for cell in own)
    cost = "; --hours estimates how long they take"
    if with_hours:
        cost = f", which would take {hours([lacking.config for lacking in whole])} hours at the preset's throughput, "
        cost += "verification not included"
    typer.echo(
        f"Preset {setting.preset}. In total, {counted(len(whole), 'run')} missing (experiments share runs){cost}.\n"
        "sdzero-bench reproduce NAME reproduces one experiment, sdzero-bench reproduce all reproduces all of them."
    )


def _write(chosen: list[Experiment], setting: Setting, shelf: Shelf, out: Path, claims_of: list[Setting]) -> list[Path]:
    """`claims_of`: the settings in which the claims are judged; none leaves the page of claims out."""
    from sdzero_bench.report.reproduce import claims_page, writing
    from sdzero_bench.report.reproduce.section import section

    sections = [section(experiment, setting, shelf) for experiment in chosen]
    return writing.write(sections, out, claims_page.blocks(claims_of, shelf) if claims_of else ())
