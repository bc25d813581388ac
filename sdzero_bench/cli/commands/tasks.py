"""`sdzero-bench tasks`: list the tasks, and check one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import setting_keys
from sdzero_bench.cli.commands.options import AllowWeaker, AsJson, task_config, with_sandbox
from sdzero_bench.cli.commands.tables import left_out, print_table

if TYPE_CHECKING:
    from sdzero_bench.questions.proofs.finding import Finding

tasks = typer.Typer(help="List the tasks with their sources; `tasks check` checks one.", invoke_without_command=True)


@tasks.callback()
def list_tasks(context: typer.Context) -> None:
    """List the tasks with their sources; `tasks check` checks one."""
    if context.invoked_subcommand is not None:
        return
    from sdzero_bench.runs import registry

    rows = [[name, task.source, task.summary] for name, task in registry.tasks().items()]
    rows += [[family.form, family.source, family.summary] for family in registry.task_families().values()]
    print_table(["task", "source", "what it asks"], rows)
    left_out(registry.task_faults().values())


@tasks.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME-OR-FILE", help="A task, a question file, or the YAML file of a task.")],
    model: Annotated[
        str | None, typer.Option(help="Measure prompts in this model's tokens, and let it answer a few questions.")
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many questions the model answers; 0: only prompts are measured.")
    ] = 8,
    against: Annotated[
        str | None, typer.Option(metavar="TASK", help="Also check that no test question of TASK is among the questions.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Verify answers for the first LIMIT questions of each split only.")
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            autocompletion=setting_keys,
            metavar="KEY=VALUE",
            help="Override one setting, such as task.path=FILE, against.path=FILE or verifying.workers=1; repeatable.",
        ),
    ] = None,
    allow_weaker_sandbox: AllowWeaker = False,
    as_json: AsJson = False,
) -> None:
    """Check the questions, gold answers and verifier of a task.

    Every split loads reproducibly and without duplicates; gold answers and worked
    solutions earn the reward; tampered answers and empty responses do not; and no
    two splits share a question or passage.

    With --model, it also says how many of a few sampled answers are right, how
    many could not be extracted, how long they are, and how many were cut off.

    Exit code 1 if anything failed. Programs run in the sandbox.

    Examples:

    sdzero-bench tasks check micro-arith

    sdzero-bench tasks check questions.jsonl --model Qwen/Qwen3-0.6B \\
        --against math500

    sdzero-bench tasks check openr1_math --set task.path=openr1.parquet \\
        --limit 500
    """
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.questions.proofs.proof import load, prove
    from sdzero_bench.runs.config import make_task
    from sdzero_bench.verifiers.equip import equip

    settings = with_sandbox(assign, allow_weaker_sandbox)
    own = [text for text in settings if not text.startswith("against.")]
    config = task_config(name, own)
    test = None
    if against is not None:
        theirs = ["task." + text.removeprefix("against.") for text in settings if text.startswith("against.")]
        test = make_task(task_config(against, theirs)).load("test")
    task = equip(make_task(config), config.verifying)
    findings = prove(task, config.verifying, ProgressDisplay(), model, test, limit)
    if model is not None and samples:
        from sdzero_bench.questions.proofs.trial import few, trial
        from sdzero_bench.runs.quiet_libraries import import_heavy, quiet_libraries

        with quiet_libraries():
            import_heavy()
            if questions := few(load(task)[1], samples):
                findings.append(trial(task, questions, model, config, ProgressDisplay()))
    failed = any(finding.state == "failed" for finding in findings)
    if as_json:
        document = {"task": name, "ok": not failed, "findings": [finding.as_dict() for finding in findings]}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _show(name, findings, failed)
    raise typer.Exit(int(failed))


def _show(name: str, findings: list[Finding], failed: bool) -> None:
    print_table(["check", "", "finding"], [[f.check, {"failed": "FAILED"}.get(f.state, f.state), f.found] for f in findings])
    for finding in findings:
        if finding.examples:
            typer.echo(f"\n{finding.check}: {finding.found}")
            typer.echo("\n".join(f"  {example}" for example in finding.examples))
    typer.echo(f"\n{name}: " + ("some checks failed; see above" if failed else "all checks passed"))
