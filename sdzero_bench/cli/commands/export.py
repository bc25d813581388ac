"""`sdzero-bench export`: our tasks in the form of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

export = typer.Typer(name="export", help="Write our tasks in the form of other tools.", no_args_is_help=True)


@export.callback()
def main() -> None:
    """A group of commands, of which there is one so far."""


@export.command("lm-eval")
def lm_eval(
    out: Annotated[Path, typer.Option(help="Folder to write: YAML, data and a Python file.")],
    task: Annotated[list[str] | None, typer.Option(help="Task; repeatable. Default: all that can be loaded here.")] = None,
    split: Annotated[str, typer.Option(help="Questions of this split: test or validation.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens a response.")] = 512,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="task.KEY=VALUE", help="An option of the task; repeatable.")
    ] = None,
) -> None:
    """Write tasks as lm-eval YAML, which plain lm-eval runs: same questions, same prompts, verdicts of our verifier.

    Whoever runs them needs lm-eval and sdzero-bench, and no more: the data lies beside the YAML.

    Examples:

    sdzero-bench export lm-eval --task micro-arith --out exported

    lm_eval run --model hf --model_args pretrained=DIR --include_path exported --tasks sdzero_micro_arith --apply_chat_template
    """
    from sdzero_bench.runs.export.lm_eval_export import export_all, export_tasks

    if task is None:
        written, left_out = export_all(out, split, limit, max_new_tokens, assign or [])
        for name, reason in left_out.items():
            typer.echo(f"left out {name}: {reason}", err=True)
    else:
        written = export_tasks(out, task, split, limit, max_new_tokens, assign or [])
    for name in written:
        typer.echo(name)
    names = ",".join(written)
    typer.echo(f"lm_eval run --model hf --model_args pretrained=DIR --include_path {out} --tasks {names} --apply_chat_template")
