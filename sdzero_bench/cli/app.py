"""The command line. What is heavy is imported inside the command that needs it: `--help` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdzero_bench.cli.commands.allow_weaker import ALLOW_WEAKER, ALLOW_WEAKER_SETTING
from sdzero_bench.cli.commands.compare import compare
from sdzero_bench.cli.commands.eval import evaluate
from sdzero_bench.cli.commands.executing import Prepared, carry_out, fail, import_heavy, quiet_libraries
from sdzero_bench.cli.commands.export import export
from sdzero_bench.cli.commands.inspect import inspect
from sdzero_bench.cli.commands.launchers import launchers
from sdzero_bench.cli.commands.pack import pack
from sdzero_bench.cli.commands.plan import plan
from sdzero_bench.cli.commands.push import push
from sdzero_bench.cli.commands.report import report
from sdzero_bench.cli.commands.reproduce import reproduce
from sdzero_bench.cli.commands.serve import serve
from sdzero_bench.cli.commands.sweep import sweep
from sdzero_bench.cli.commands.tasks import tasks
from sdzero_bench.cli.commands.validate import validate

if TYPE_CHECKING:
    from sdzero_bench.records.schema import RunResult

app = typer.Typer(
    name="sdzero-bench",
    help="Compare post-training methods on verifiable tasks: one question set, one sample budget, one evaluation.\n\n"
    "Start with: sdzero-bench run --method sdzero",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    method: Annotated[str | None, typer.Option(help="What to train with; see `sdzero-bench methods`.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Settings to start from; see `sdzero-bench presets`.", show_default="micro"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Base policy: a directory, or a name on the hub.")] = None,
    task: Annotated[str | None, typer.Option(help="Task; see `sdzero-bench tasks`.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random in training.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings, over those of the preset.")] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as method.distill.epochs=3; repeatable."),
    ] = None,
    report_to: Annotated[
        str | None, typer.Option(help="Trackers for the curves of training: tensorboard, wandb, trackio, ...; commas between.")
    ] = None,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Publish the policy there in the end, as `sdzero-bench push` does.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the run's folder is made.")] = Path("runs"),
    allow_weaker_sandbox: Annotated[bool, typer.Option("--allow-weaker-sandbox", help=ALLOW_WEAKER)] = False,
    resume: Annotated[Path | None, typer.Option(help="Folder of a run that was cut off, to go on with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output is one JSON document.")] = False,
) -> None:
    """Train a method on a task under a sample budget, and measure what came of it.

    Examples:

    sdzero-bench run --method sdzero

    sdzero-bench run --method rft --seed 1 --set questions.train=500

    sdzero-bench run --resume runs/sdzero-micro-arith-s0-20260101-120000
    """
    from sdzero_bench.runs.config import resolve

    settings = [*(assign or []), *([ALLOW_WEAKER_SETTING] if allow_weaker_sandbox else [])]
    if report_to is not None:
        settings.append(f"tracking.report_to=[{report_to}]")

    def prepare(display: Any, ranks: Any) -> Prepared:
        from sdzero_bench.report.publishing import require_login
        from sdzero_bench.runs.resuming import resume_session
        from sdzero_bench.runs.session import Session

        if push_to_hub is not None:
            require_login()
        if resume is not None:
            named = {"method.name": method, "preset": preset, "model.name": model, "task.name": task, "seed": seed}
            given = [f"{key}={value}" for key, value in named.items() if value is not None]
            session, folder = resume_session(resume, display, ranks, config, [*given, *settings])
            return [(session, lambda: folder)]
        session = Session(resolve(method, preset, config, settings, model, task, seed), display, ranks)
        return [(session, lambda: session.new_folder(out))]

    def publish(result: RunResult) -> None:
        from sdzero_bench.report.publishing import push

        if push_to_hub is not None:
            typer.echo(push(Path(result.folder), push_to_hub, private=False), err=True)

    carry_out(prepare, as_json, publish)


@app.command("methods")
def list_methods() -> None:
    """List the methods: their papers, and what they are shown of the training questions beside their texts."""
    from sdzero_bench.runs import registry

    rows = [[n, c.paper, c().supervision, c.summary] for n, c in registry.methods().items()]
    _print_table(["method", "paper", "learns from", "what it does"], rows)


@app.command("presets")
def list_presets() -> None:
    """List the presets."""
    from sdzero_bench.runs.config import load_preset, preset_names

    rows = []
    for name in preset_names():
        preset = load_preset(name)
        rows.append([name, preset["model"]["name"], preset["summary"]])
    _print_table(["preset", "model", "what it is for"], rows)


@app.command()
def doctor(
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Attack the sandbox instead, in every way of its suite.")] = False,
    server: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Ask this vLLM server instead what it is; repeatable.")
    ] = None,
) -> None:
    """Try what a run needs, and say what works here. Exit code 1 if anything failed.

    With --sandbox, programs try to get out of the best sandbox that works here: half a minute on 2 cores.

    With --server, a server of `sdzero-bench serve` says its model, its version of vLLM, and whether it is free:
    sdzero-bench doctor --server http://10.0.0.7:8000
    """
    from sdzero_bench.cli.doctor import attack_sandbox, examine, examine_server
    from sdzero_bench.core.errors import UserError

    if sandbox and server:
        raise UserError("--sandbox and --server are looked at one at a time; leave one of them out")

    with quiet_libraries():
        import_heavy()
        if server:
            checks = [check for url in server for check in examine_server(url)]
        else:
            checks = attack_sandbox() if sandbox else examine()
    _print_table(
        ["check", "", "what was found"], [[c.name, {True: "ok", False: "FAILED", None: "-"}[c.ok], c.found] for c in checks]
    )
    if any(check.ok is False for check in checks):
        raise SystemExit(1)


def _print_table(headings: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console(markup=False).print(table)  # 'sdzero-bench[lora]' is no markup


# Commands in files of their own
app.command()(plan)
app.command("eval")(evaluate)
app.add_typer(export)
app.command()(push)
app.command()(report)
app.command()(compare)
app.command()(launchers)
app.command()(pack)
app.command()(validate)
app.command()(inspect)
app.command()(reproduce)
app.command()(serve)
app.command()(sweep)
app.add_typer(tasks, name="tasks")


def main() -> None:
    """Entry point: errors of use are one line and exit code 2."""
    from sdzero_bench.core.errors import UserError

    try:
        app()
    except UserError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""))
