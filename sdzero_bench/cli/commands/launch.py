"""`sdzero-bench launch`: `sdzero-bench run` on several GPUs, one process for each."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sdzero_bench.core.errors import UserError

if TYPE_CHECKING:
    from sdzero_bench.runs.launchers.processes import Layout
    from sdzero_bench.runs.session import Session

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings of the command: options that it does not know are those of `run`."""


def launch(
    context: typer.Context,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes on this machine. Default: the number of visible GPUs. Without GPUs, on the CPUs.",
        ),
    ] = None,
    sharding: Annotated[
        Literal["ddp", "fsdp2"],
        typer.Option(help="ddp: the whole model on each GPU. fsdp2: weights, gradients and optimizer state sharded over all."),
    ] = "ddp",
    nodes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Machines, with as many processes each; run this command on each.")
    ] = 1,
    node_rank: Annotated[int, typer.Option(min=0, metavar="N", help="Number of this machine, counted from 0.")] = 0,
    main_address: Annotated[str | None, typer.Option(metavar="HOST", help="Address of the machine with --node-rank 0.")] = None,
    main_port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="A free port of that machine.")] = 29500,
    only_print: Annotated[
        bool, typer.Option("--print", help="Check, and print the `accelerate launch` command instead of running it.")
    ] = False,
) -> None:
    """Train a method on all GPUs of this machine: each samples and trains.

    All other options are those of `sdzero-bench run`, including --resume.

    Examples:

    sdzero-bench launch --preset paper-qwen3-4b --method sdzero

    sdzero-bench launch --processes 2 --sharding fsdp2 --method sdzero \\
        --set optimizer.batch_size=64

    sdzero-bench launch --resume runs/sdzero-openr1_math-s0-20260101-120000

    All machines must share the folder --out. Under Slurm, in a job with one
    task per node:

    srun sh -c 'sdzero-bench launch --nodes $SLURM_NNODES \\
        --node-rank $SLURM_NODEID --main-address HOST ...'
    """
    from sdzero_bench.runs.launchers.processes import Layout, end_as, run_processes

    session = _checked(context.args)
    on_cpus = session.config.model.device == "cpu"
    if nodes > 1 and main_address is None:
        raise UserError("--nodes needs --main-address: the address at which the other machines find the one with --node-rank 0")
    if node_rank >= nodes:
        raise UserError(f"--node-rank {node_rank} is too large for --nodes {nodes}; machines are counted from 0")
    here = _processes(processes, on_cpus)
    layout = Layout(here, sharding, nodes, node_rank, main_address or "", main_port)
    _require_supported(session, layout)
    arguments = ["run", *context.args]
    if layout.total == 1:
        command = ["python", "-m", "sdzero_bench", *arguments]
    else:
        command = ["accelerate", "launch", *layout.arguments("sdzero_bench", arguments)]
    if only_print:
        typer.echo(shlex.join(command))
        return
    if on_cpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # accelerate would choose GPUs
    if layout.total == 1:
        import sys

        os.execv(sys.executable, [sys.executable, *command[1:]])
    end_as(run_processes(layout, "sdzero_bench", arguments))


def _checked(arguments: list[str]) -> Session:
    """The run that these options of `run` start. Raises `UserError` for whatever it would refuse before its first sample."""
    from sdzero_bench.cli.commands.run import preparation, run
    from sdzero_bench.core.distributed import Ranks
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.runs.quiet_libraries import quiet_libraries

    alone = typer.Typer(add_completion=False)
    alone.command()(run)
    given = typer.main.get_command(alone).make_context("sdzero-bench run", list(arguments)).params
    del given["as_json"]
    with quiet_libraries():
        # As a process that is not the first: it locks and writes nothing.
        ((session, _),) = preparation(**given)(ProgressDisplay(quiet=True), Ranks(1, 1))
    return session


def _processes(wanted: int | None, on_cpus: bool) -> int:
    from sdzero_bench.policies.devices import visible_gpus

    gpus = 0 if on_cpus else len(visible_gpus())
    if wanted is None and gpus == 0:
        raise UserError("no GPU is visible here; --processes N starts N processes on the CPUs")
    if wanted is not None and 0 < gpus < wanted:
        raise UserError(f"--processes {wanted}, but {gpus} of the GPUs of this machine are visible; each process needs one")
    return wanted or gpus


def _require_supported(session: Session, layout: Layout) -> None:
    from sdzero_bench.core.distributed import Ranks, require_supported

    require_supported(session.config, Ranks(0, layout.total), layout.shards)
