"""`sdzero-bench tasks`: what there is, and whether it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdzero_bench.cli.commands.allow_weaker import ALLOW_WEAKER, ALLOW_WEAKER_SETTING

if TYPE_CHECKING:
    from sdzero_bench.core.settings import RunConfig
    from sdzero_bench.questions.proofs.problem import Problem

tasks = typer.Typer(help="List the tasks, with their sources; `tasks check` proves one.", invoke_without_command=True)


@tasks.callback()
def list_tasks(context: typer.Context) -> None:
    """List the tasks, with their sources; `tasks check` proves one."""
    if context.invoked_subcommand is not None:
        return
    from sdzero_bench.runs import registry

    rows = [[name, task.source, task.summary] for name, task in registry.tasks().items()]
    rows += [[family.form, family.source, family.summary] for family in registry.task_families().values()]
    _print_table(["task", "source", "what it asks"], rows)


@tasks.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME-OR-FILE", help="A task, a question file, or the YAML file of a task.")],
    model: Annotated[str | None, typer.Option(help="Measure prompts with its tokenizer, against its context.")] = None,
    against: Annotated[str | None, typer.Option(metavar="TASK", help="Look for its test questions among this task's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Verify answers of the first so many questions of a split.")] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="task.path=FILE, against.path=FILE, verifying.workers=1 ...; repeatable."
        ),
    ] = None,
    allow_weaker_sandbox: Annotated[bool, typer.Option("--allow-weaker-sandbox", help=ALLOW_WEAKER)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output is one JSON document.")] = False,
) -> None:
    """Prove a task: every split loads and is the same again, no question is there twice, gold answers and worked solutions earn
    a reward, tampered ones and empty responses none, and no question or passage is in two splits.

    Exit code 1 if anything failed. Programs run in the sandbox.

    Examples:

    sdzero-bench tasks check micro-arith

    sdzero-bench tasks check questions.jsonl --model Qwen/Qwen3-0.6B --against math500

    sdzero-bench tasks check openr1_math --set task.path=openr1.parquet --limit 500
    """
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.questions.proofs.proof import prove
    from sdzero_bench.runs.config import make_task
    from sdzero_bench.verifiers.equip import equip

    settings = [*(assign or []), *([ALLOW_WEAKER_SETTING] if allow_weaker_sandbox else [])]
    own = [text for text in settings if not text.startswith("against.")]
    config = _config(name, own)
    test = None
    if against is not None:
        theirs = ["task." + text.removeprefix("against.") for text in settings if text.startswith("against.")]
        test = make_task(_config(against, theirs)).load("test")
    task = equip(make_task(config), config.verifying)
    findings = prove(task, config.verifying, ProgressDisplay(), model, test, limit)
    failed = any(finding.state == "failed" for finding in findings)
    if as_json:
        document = {"task": name, "ok": not failed, "findings": [finding.as_dict() for finding in findings]}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _show(name, findings, failed)
    raise typer.Exit(int(failed))


def _config(name: str, assignments: list[str]) -> RunConfig:
    """The settings of a run on the task, whose defaults a preset may have."""
    from sdzero_bench.runs import registry
    from sdzero_bench.runs.config import resolve

    is_file = Path(name).expanduser().exists() and not name.endswith((".yaml", ".yml"))
    known = f"file:{name}" if is_file and name not in registry.tasks() else name
    return resolve("base", assignments=assignments, task=known)


def _show(name: str, findings: list[Problem], failed: bool) -> None:
    _print_table(
        ["check", "", "what was found"], [[f.check, {"failed": "FAILED"}.get(f.state, f.state), f.found] for f in findings]
    )
    for finding in findings:
        if finding.examples:
            typer.echo(f"\n{finding.check}: {finding.found}")
            typer.echo("\n".join(f"  {example}" for example in finding.examples))
    typer.echo(f"\n{name}: " + ("does not hold; see above" if failed else "holds"))


def _print_table(headings: list[str], rows: list[list[Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings)
    for row in rows:
        table.add_row(*(Text(str(cell), overflow="fold") for cell in row))  # texts of questions may look like markup
    Console().print(table)
