"""`sdzero-bench export`: our tasks in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdzero_bench.cli.commands.completions import setting_keys, task_names
from sdzero_bench.cli.commands.options import listed

export = typer.Typer(name="export", help="Write our tasks in the formats of other tools.", no_args_is_help=True)


@export.callback()
def main() -> None:
    """A group of commands with a single member so far."""


@export.command("lm-eval")
def lm_eval(
    out: Annotated[Path, typer.Option(help="Folder for the YAML files, their data and one Python file.")],
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            "--tasks",
            autocompletion=task_names,
            help="Tasks to export, comma-separated or repeated. Default: all that can be loaded here.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split to export: test or validation.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Export the first N questions only.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, metavar="N", help="Maximum length of a response in tokens.")] = 512,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", autocompletion=setting_keys, metavar="task.KEY=VALUE", help="Set an option of the task; repeatable."
        ),
    ] = None,
) -> None:
    """Write tasks as lm-eval YAML for use with plain lm-eval: same questions, same prompts, verdicts by our verifier.

    Running them takes only lm-eval and sdzero-bench: the data is written beside
    the YAML files.

    Examples:

    sdzero-bench export lm-eval --task micro-arith --out exported

    lm_eval run --model hf --model_args pretrained=DIR --apply_chat_template \\
        --include_path exported --tasks sdzero_micro_arith
    """
    from sdzero_bench.runs.export.lm_eval_export import export_all, export_tasks

    if task is None:
        written, left_out = export_all(out, split, limit, max_new_tokens, assign or [])
        for name, reason in left_out.items():
            typer.echo(f"left out {name}: {reason}", err=True)
    else:
        wanted = [name for text in task for name in listed("--tasks", text)]
        written = export_tasks(out, wanted, split, limit, max_new_tokens, assign or [])
    for name in written:
        typer.echo(name)
    names = ",".join(written)
    typer.echo(f"lm_eval run --model hf --model_args pretrained=DIR --include_path {out} --tasks {names} --apply_chat_template")
