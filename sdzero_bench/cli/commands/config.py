"""`sdzero-bench config`: the settings of a run, explained."""

from __future__ import annotations

from typing import Annotated

import typer

from sdzero_bench.cli.commands.completions import setting_keys
from sdzero_bench.cli.commands.options import MethodName, Preset, TaskName

config = typer.Typer(no_args_is_help=True, help="Show the settings of a run, with what each of them is.")


@config.callback()
def main() -> None:
    """A group of commands with a single member so far."""


@config.command()
def show(
    preset: Preset = "micro",
    method: MethodName = "sdzero",
    task: TaskName = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", autocompletion=setting_keys, metavar="KEY=VALUE", help="Override one setting, as for `run`; repeatable."
        ),
    ] = None,
) -> None:
    """Print every setting with its value, its default and what it is, as a YAML file to edit and run.

    Examples:

    sdzero-bench config show

    sdzero-bench config show --method grpo --task micro-code > grpo.yaml

    sdzero-bench run --config grpo.yaml
    """
    from sdzero_bench.runs.config import resolve
    from sdzero_bench.runs.settings_text import settings_text

    typer.echo(settings_text(resolve(method, preset, assignments=assign, task=task)), nl=False)
