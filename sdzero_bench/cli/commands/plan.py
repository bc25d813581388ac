"""`sdzero-bench plan`: what a run would cost, before anything is downloaded or sampled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import setting_keys
from sdzero_bench.cli.commands.options import AsJson, ConfigFile, MethodName, Model, Preset, TaskName
from sdzero_bench.runs.quiet_libraries import import_heavy, quiet_libraries

if TYPE_CHECKING:
    from sdzero_bench.runs.plan.speed import Speed


def plan(
    method: MethodName = "sdzero",
    preset: Preset = "micro",
    model: Model = None,
    task: TaskName = None,
    config: ConfigFile = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", autocompletion=setting_keys, metavar="KEY=VALUE", help="Override one setting, as for `run`; repeatable."
        ),
    ] = None,
    assume: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Change an assumption, such as typical.completion=5000 or machine.count=16; repeatable."
        ),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Instead, compare what this finished run used with its plan.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure", help="First measure how fast this machine samples and trains under these settings; loads the model."
        ),
    ] = False,
    seconds: Annotated[float, typer.Option(help="With --measure: about how long each kind of phase is measured.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Estimate the samples, tokens, hours, memory and disk space of a run from its settings alone.

    Questions are counted where no download is needed.

    Exit code 1 if the run does not fit into the machine's memory.

    Examples:

    sdzero-bench plan --preset paper-qwen3-4b

    sdzero-bench plan --preset paper-qwen3-4b --method grpo \\
        --assume machine.memory_gb=80

    sdzero-bench plan --method grpo --measure

    sdzero-bench plan --check results/run/sdzero-micro-arith-s0-20261129-131910
    """
    from rich.console import Console

    from sdzero_bench.runs.config import load_preset, resolve
    from sdzero_bench.runs.plan.assumptions import assumptions, counted_here
    from sdzero_bench.runs.plan.estimate import estimate
    from sdzero_bench.runs.plan.plan_check import compared, plan_of
    from sdzero_bench.runs.plan.plan_text import checked_in_table, document, in_tables, speeds_in_table

    console = Console()
    speeds: list[Speed] = []
    with quiet_libraries():
        if check is not None:
            rows = compared(*plan_of(check, assume or []))
            if as_json:
                typer.echo(json.dumps([row.as_dict() for row in rows]))
            else:
                console.print(checked_in_table(rows))
            return
        settings = resolve(method, preset, config, assign, model, task)
        found = assumptions(settings, assume or [], counted=counted_here(settings))
        if measure:
            import_heavy()
            from sdzero_bench.runs.plan.extrapolation import measured_here

            found, speeds = measured_here(settings, found, seconds)
        made = estimate(settings, found.typical, found.machine, found.questions, found.test_questions)
    if as_json:
        typer.echo(json.dumps(document(made, found, speeds)))
    else:
        if speeds:
            console.print(speeds_in_table(speeds))
        console.print(in_tables(made, found, load_preset(preset).get("deviations", [])), highlight=False)
    if not made.fits:
        raise SystemExit(1)
