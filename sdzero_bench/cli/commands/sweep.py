"""`sdzero-bench sweep`: many runs as one command."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sdzero_bench.cli.commands.allow_weaker import ALLOW_WEAKER, ALLOW_WEAKER_SETTING
from sdzero_bench.core.errors import UserError

if TYPE_CHECKING:
    from sdzero_bench.runs.sweep.scheduler import SweepEntry

Launcher = Literal["local", "ray", "slurm"]


def sweep(
    methods: Annotated[str, typer.Option(help="Methods, separated by commas, or `all`. The base is always measured too.")],
    tasks: Annotated[str | None, typer.Option(help="Tasks, separated by commas; the preset's if left out.")] = None,
    seeds: Annotated[str, typer.Option(help="How many seeds, counted from 0; or which: `0,3,7`, or `3,` for one.")] = "3",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time. Here: 1, and the cores are shared. On a cluster: all.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Settings to start from; see `sdzero-bench presets`.")] = "micro",
    model: Annotated[str | None, typer.Option(help="Base policy: a directory, or a name on the hub.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings, over those of the preset.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One setting of every run; repeatable.")
    ] = None,
    allow_weaker_sandbox: Annotated[bool, typer.Option("--allow-weaker-sandbox", help=ALLOW_WEAKER)] = False,
    out: Annotated[Path, typer.Option(help="Where the folders of the runs are.")] = Path("sweep"),
    parts: Annotated[str, typer.Option(help="Also on these shares of the training questions, such as `0.25,0.5`.")] = "",
    tune: Annotated[bool, typer.Option("--tune", help="First choose settings for each method by trials.")] = False,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2", help="What --tune tries; repeated, the product. The preset's if left out."),
    ] = None,
    launcher: Annotated[
        Launcher, typer.Option(help="Where the runs are done; --out has to be the same there, or --storage given.")
    ] = "local",
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="ray, slurm: keeps the runs, if machines share no folder; s3://...")
    ] = None,
    address: Annotated[str | None, typer.Option(help="ray: of the cluster. Left out: one is started here.")] = None,
    cpus: Annotated[int, typer.Option(min=1, help="ray, slurm: cores for each run.")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="ray, slurm: GPUs for each run.")] = 0,
    hours: Annotated[float, typer.Option(min=0.02, help="slurm: limit of a job.")] = 24.0,
    partition: Annotated[str | None, typer.Option(help="slurm: the partition.")] = None,
) -> None:
    """Train and measure methods x tasks x seeds, each run in a process of its own.

    The same command again skips what is finished, goes on with what was cut off and tries again what failed.

    Two of these commands may work on one folder at once: no run is done twice.

    Examples:

    sdzero-bench sweep --methods rft,srt,sdzero --seeds 3

    sdzero-bench sweep --methods all --tasks micro-arith --seeds 5 --jobs 2 --out sweeps/all

    sdzero-bench sweep --methods rft,sdzero --parts 0.25,0.5

    sdzero-bench sweep --methods rft,sdzero --tune --grid optimizer.learning_rate=1e-4,2e-4,4e-4

    sdzero-bench sweep --methods all --launcher ray --address auto --gpus 1 --out /shared/sweep

    Exit code: 0 if every run is finished, 1 if one failed, 2 if nothing was started or it was interrupted.
    """
    from sdzero_bench.records.folder import RunFolder
    from sdzero_bench.runs import registry
    from sdzero_bench.runs.sweep.display import SweepDisplay
    from sdzero_bench.runs.sweep.grid import Grid
    from sdzero_bench.runs.sweep.launching import Place
    from sdzero_bench.runs.sweep.preflight import refuse_early
    from sdzero_bench.runs.sweep.scheduler import Scheduler
    from sdzero_bench.runs.sweep.tuning import Tuning, grid_values

    for text in assign or []:
        if (key := text.partition("=")[0].strip()) in ("seed", "preset"):
            raise UserError(f"--set {text} has no effect in a sweep; use --{'seeds' if key == 'seed' else key}")
    if grid and not tune:
        raise UserError("--grid says what --tune tries; add --tune")
    wanted = Grid(
        methods=list(registry.methods()) if methods == "all" else _names("--methods", methods),
        tasks=_names("--tasks", tasks) if tasks is not None else [None],
        seeds=_seeds(seeds),
        parts=_parts(parts),
        preset=preset,
        model=model,
        file=config,
        assignments=[*(assign or []), *([ALLOW_WEAKER_SETTING] if allow_weaker_sandbox else [])],
    )
    tuning = Tuning(wanted, grid_values(grid or [], preset), out / "tuning") if tune else None
    refuse_early([*wanted.runs(out), *(tuning.runs if tuning else [])])
    _prepare(out)
    place = Place(launcher, out, jobs, address, cpus, gpus, hours, partition, storage)
    place.recall([*wanted.runs(out), *(tuning.runs if tuning else [])])
    runs = place.open()
    at_once = place.at_once(len(wanted.runs(out)))
    scheduler = Scheduler(runs.start, SweepDisplay(at_once), lambda: RunFolder(out).disk_is_full, at_once)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop by the system is as good as Ctrl-C
    try:
        trials = scheduler.run(tuning.runs) if tuning else []
        entries = scheduler.run(wanted.runs(out, tuning.choose if tuning else None))
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise UserError("interrupted. Nothing is lost; the same command goes on") from None
    finally:
        runs.close()
    if not _tell([*trials, *entries], out):
        raise SystemExit(1)


def _names(option: str, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UserError(f"{option} names none; separate names with commas")
    return list(dict.fromkeys(names))


def _seeds(text: str) -> list[int]:
    try:
        listed = [int(seed) for seed in text.split(",") if seed.strip()]
        found = listed if "," in text else list(range(*listed))
    except (ValueError, TypeError):
        found = []
    if not found or min(found) < 0:
        raise UserError(f"--seeds {text!r} is neither a number of seeds, such as 3, nor a list of them, such as 0,3,7")
    return list(dict.fromkeys(found))


def _parts(text: str) -> list[float]:
    try:
        found = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        found = [0.0]
    if any(not 0 < part < 1 for part in found):
        raise UserError(f"--parts {text!r} are no shares between 0 and 1, such as 0.25,0.5")
    return found


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write in {str(out)!r}: {error.strerror}") from error


def _tell(entries: Sequence[SweepEntry], out: Path) -> bool:
    """Say what came of the sweep; whether all of it is finished."""
    from sdzero_bench.runs.sweep.children import log_file
    from sdzero_bench.runs.sweep.display import counts

    typer.echo(counts(entries))
    for entry in entries:
        if entry.state == "failed":
            typer.echo(f"{entry.run.label} failed: {entry.reason}\n  more: less {log_file(entry.run)}")
    finished = all(entry.state == "done" for entry in entries)
    next_step = f"Compare them: sdzero-bench report {out}" if finished else "The same command tries again what is not done"
    typer.echo(next_step)
    return finished
