"""`sdzero-bench sweep`: many runs with one command."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sdzero_bench.cli.commands.completions import method_names, setting_keys, task_names
from sdzero_bench.cli.commands.options import AllowWeaker, ConfigFile, Model, Preset, listed, with_sandbox
from sdzero_bench.cli.commands.tables import left_out
from sdzero_bench.core.errors import InterruptedByUser, UserError

if TYPE_CHECKING:
    from sdzero_bench.runs.sweep.scheduler import SweepEntry

Launcher = Literal["local", "ray", "slurm"]
Sharding = Literal["ddp", "fsdp2"]


def sweep(
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            "--method",
            autocompletion=method_names,
            help="Methods, comma-separated, or `all`. The base policy is always evaluated too.",
        ),
    ],
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", "--task", autocompletion=task_names, help="Tasks, comma-separated. Default: the preset's."),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="Number of seeds, counted from 0, or a list of them: `0,3,7`, or `3,` for seed 3 alone.")
    ] = "3",
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Runs at a time. Default: 1 on this machine, where runs share the cores; all on a cluster."
        ),
    ] = None,
    preset: Preset = "micro",
    model: Model = None,
    config: ConfigFile = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", autocompletion=setting_keys, metavar="KEY=VALUE", help="Override one setting of every run; repeatable."
        ),
    ] = None,
    allow_weaker_sandbox: AllowWeaker = False,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("sweep"),
    parts: Annotated[
        str, typer.Option(help="Also train on these fractions of the training questions, such as `0.25,0.5`.")
    ] = "",
    tune: Annotated[
        bool,
        typer.Option(
            "--tune",
            help="First choose each method's settings by trials on the validation split: its learning rate, and up to three "
            "options that its file declares. The trials' samples are recorded, and not charged.",
        ),
    ] = False,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2",
            help="With --tune: try these values for every method, and not the methods' own search spaces; several keys give "
            "their product.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="With --tune: quasi-random trials of each method's search space, as many for every method.",
            show_default="8",
        ),
    ] = None,
    launcher: Annotated[
        Launcher,
        typer.Option(help="Where the runs are executed. ray and slurm need a shared --out, or --storage."),
    ] = "local",
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="ray, slurm: where runs are kept if the machines share no folder, such as s3://..."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="ray: address of the cluster. Default: start one on this machine.")
    ] = None,
    cpus: Annotated[int | None, typer.Option(min=1, metavar="N", help="ray, slurm: cores per run.", show_default="1")] = None,
    gpus: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="GPUs per run, with a process for each. 0: none on a cluster; on this machine one, if there is one.",
        ),
    ] = 0,
    sharding: Annotated[
        Sharding, typer.Option(help="With --gpus 2 or more: how weights are distributed; see `sdzero-bench launchers`.")
    ] = "ddp",
    hours: Annotated[
        float,
        typer.Option(
            min=0.02, metavar="HOURS", help="slurm: time limit of a job. The run is then submitted again and resumed."
        ),
    ] = 24.0,
    partition: Annotated[str | None, typer.Option(help="slurm: partition to submit to.")] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="slurm: another option, such as account=nlp or mem=64GB; repeatable."),
    ] = None,
) -> None:
    """Train and evaluate methods x tasks x seeds, each run in a process of its own.

    Repeating the command skips finished runs, resumes interrupted ones and
    retries failed ones.

    Several sweeps may work on the same folder at once; no run is executed
    twice.

    Examples:

    sdzero-bench sweep --methods rft,srt,sdzero --seeds 3

    sdzero-bench sweep --methods all --tasks micro-arith --seeds 5 --jobs 2 \\
        --out sweeps/all

    sdzero-bench sweep --methods rft,sdzero --parts 0.25,0.5

    sdzero-bench sweep --methods rft,sdzero --tune --trials 8

    sdzero-bench sweep --methods rft,sdzero --tune \\
        --grid optimizer.learning_rate=1e-4,2e-4,4e-4

    sdzero-bench sweep --methods all --launcher ray --address auto --gpus 1 \\
        --out /shared/sweep

    sdzero-bench sweep --methods all --launcher slurm --gpus 8 \\
        --slurm account=nlp --slurm requeue=true --out /shared/sweep

    Exit code: 0 if every run is finished, 1 if one failed, 2 if nothing was
    started, 130 after Ctrl-C.
    """
    from sdzero_bench.records.folder import RunFolder
    from sdzero_bench.runs import registry
    from sdzero_bench.runs.quiet_libraries import quiet_libraries
    from sdzero_bench.runs.sweep.display import SweepDisplay
    from sdzero_bench.runs.sweep.grid import Grid
    from sdzero_bench.runs.sweep.launching import Place
    from sdzero_bench.runs.sweep.preflight import refuse_early
    from sdzero_bench.runs.sweep.scheduler import Scheduler
    from sdzero_bench.runs.sweep.tuning import TRIALS, Tuning, own_spaces, shared_grid

    for text in assign or []:
        if (key := text.partition("=")[0].strip()) in ("seed", "preset"):
            raise UserError(f"--set {text} has no effect in a sweep; use --{'seeds' if key == 'seed' else key}")
    if grid and not tune:
        raise UserError("--grid has no effect without --tune; add --tune")
    if trials is not None and (not tune or grid):
        raise UserError("--trials is for --tune over the methods' own search spaces, without --grid")
    if methods == "all":
        left_out(registry.method_faults().values())
    wanted = Grid(
        methods=list(registry.methods()) if methods == "all" else listed("--methods", methods),
        tasks=listed("--tasks", tasks) if tasks is not None else [None],
        seeds=_seeds(seeds),
        parts=_parts(parts),
        preset=preset,
        model=model,
        file=config,
        assignments=with_sandbox(assign, allow_weaker_sandbox),
    )
    if tune and not wanted.trained:
        raise UserError("--tune has nothing to tune: name a method that trains")
    tried = shared_grid(grid) if grid else own_spaces(preset, trials or TRIALS)
    tuning = Tuning(wanted, tried, out / "tuning") if tune else None
    place = Place(launcher, out, jobs, cpus, gpus, sharding, address, hours, partition, slurm or (), storage)
    with quiet_libraries():
        refuse_early([*wanted.runs(out), *(tuning.runs if tuning else [])], place.ranks, sharding != "ddp")
    _prepare(out)
    place.recall([*wanted.runs(out), *(tuning.runs if tuning else [])])
    runs = place.open()
    at_once = place.at_once(len(wanted.runs(out)))
    scheduler = Scheduler(runs.start, SweepDisplay(at_once), lambda: RunFolder(out).disk_is_full, at_once)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # treat SIGTERM like Ctrl-C
    try:
        tuned = scheduler.run(tuning.runs) if tuning else []
        entries = scheduler.run(wanted.runs(out, tuning.choose if tuning else None))
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise InterruptedByUser("interrupted. Nothing is lost; the same command resumes") from None
    finally:
        runs.close()
    if not _tell([*tuned, *entries], out):
        raise SystemExit(1)


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
        raise UserError(f"--parts {text!r} is not a list of fractions between 0 and 1, such as 0.25,0.5")
    return found


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {str(out)!r}: {error.strerror}") from error


def _tell(entries: Sequence[SweepEntry], out: Path) -> bool:
    """Print how the sweep ended; returns whether every run is finished."""
    from sdzero_bench.runs.sweep.children import log_file
    from sdzero_bench.runs.sweep.display import counts

    typer.echo(counts(entries))
    for entry in entries:
        if entry.state == "failed":
            typer.echo(f"{entry.run.label} failed: {entry.reason}\n  log: {log_file(entry.run)}")
    finished = all(entry.state == "done" for entry in entries)
    typer.echo(f"Compare them: sdzero-bench report {out}" if finished else "The same command retries the unfinished runs")
    return finished
