"""The command line. What is heavy is imported inside the command that needs it: `--help` answers at once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sdzero_bench.commands.compare import compare
from sdzero_bench.commands.pack import pack
from sdzero_bench.commands.report import report
from sdzero_bench.commands.sweep import sweep
from sdzero_bench.commands.validate import validate

app = typer.Typer(
    name="sdzero-bench",
    help="Compare post-training methods on verifiable tasks: one question set, one sample budget, one evaluation.\n\n"
    "Start with: sdzero-bench run --method sdzero",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def fail(message: str) -> NoReturn:
    """One line on standard error, exit code 2."""
    typer.echo(f"sdzero-bench: {' '.join(message.split())}", err=True)
    raise SystemExit(2)


@app.command()
def run(
    method: Annotated[str | None, typer.Option(help="What to train with; see `sdzero-bench methods`.")] = None,
    preset: Annotated[str, typer.Option(help="Settings to start from; see `sdzero-bench presets`.")] = "micro",
    model: Annotated[str | None, typer.Option(help="Base policy: a directory, or a name on the hub.")] = None,
    task: Annotated[str | None, typer.Option(help="Task; see `sdzero-bench tasks`.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random in training.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with settings, over those of the preset.")] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as method.distill.epochs=3; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the run's folder is made.")] = Path("runs"),
    resume: Annotated[Path | None, typer.Option(help="Folder of a run that was cut off, to go on with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output is one JSON document.")] = False,
) -> None:
    """Train a method on a task under a sample budget, and measure what came of it.

    Examples:

    sdzero-bench run --method sdzero

    sdzero-bench run --method rft --seed 1 --set questions.train=500

    sdzero-bench run --resume runs/sdzero-micro-arith-s0-20260101-120000
    """
    from sdzero_bench.config import resolve
    from sdzero_bench.errors import UserError

    folder = None
    with _quiet_libraries(), _standard_output_for(as_json) as output:
        try:
            _import_heavy()
            from sdzero_bench.progress import ProgressDisplay
            from sdzero_bench.session import Session, resume_session

            display = ProgressDisplay()
            if resume is not None:
                if given := [
                    n
                    for n, v in {
                        "--method": method,
                        "--model": model,
                        "--task": task,
                        "--seed": seed,
                        "--config": config,
                        "--set": assign,
                    }.items()
                    if v
                ]:
                    raise UserError(f"--resume goes on with the run's own settings; leave out {', '.join(given)}")
                session, folder = resume_session(resume, display)
            else:
                if method is None:
                    raise UserError("which method? add --method NAME; `sdzero-bench methods` lists them")
                settings = resolve(method, preset, config, assign, model, task, seed)
                session = Session(settings, display)
                folder = session.new_folder(out)
            display.say(session.describe(folder))
            result = session.execute(folder)
        except UserError as error:
            fail(str(error) + _how_to_resume(folder))
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            fail("interrupted" + _how_to_resume(folder))
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            fail(f"{error.strerror or error}{where}" + _how_to_resume(folder))
        except Exception:
            # safetensors, torch and pyarrow each have an error of their own for a full disk.
            if folder is not None and folder.disk_is_full:
                fail(f"the disk of {folder.path} is full; make room" + _how_to_resume(folder))
            raise
        _show(result, as_json, output, display)


def _how_to_resume(folder: Any) -> str:
    if folder is not None:
        folder.discard_if_unused()
    if folder is None or not folder.path.is_dir():
        return ""
    return f". Nothing is lost; go on with: sdzero-bench run --resume {folder.path}"


def _show(result: dict[str, Any], as_json: bool, output: Any, display: Any) -> None:
    from rich.console import Console

    from sdzero_bench.reporting.summary import notes, terminal_table

    if as_json:
        print(json.dumps(result), file=output, flush=True)
        return
    console = Console(file=output)
    console.print(terminal_table(result))
    for note in notes(result):
        console.print(note, highlight=False)
    console.print(f"Everything is in {result['folder']}: start with summary.md", highlight=False, soft_wrap=True)


@app.command("methods")
def list_methods() -> None:
    """List the methods: their papers, and what they are shown of the training questions beside their texts."""
    from sdzero_bench import registry

    rows = [[n, c.paper, c().supervision, c.summary] for n, c in registry.methods().items()]
    _print_table(["method", "paper", "learns from", "what it does"], rows)


@app.command("tasks")
def list_tasks() -> None:
    """List the tasks, with their sources."""
    from sdzero_bench import registry

    _print_table(["task", "source", "what it asks"], [[n, c.source, c.summary] for n, c in registry.tasks().items()])


@app.command("presets")
def list_presets() -> None:
    """List the presets."""
    from sdzero_bench.config import load_preset, preset_names

    rows = []
    for name in preset_names():
        preset = load_preset(name)
        rows.append([name, preset["model"]["name"], preset["summary"]])
    _print_table(["preset", "model", "what it is for"], rows)


@app.command()
def doctor() -> None:
    """Try what a run needs, and say what works here."""
    from sdzero_bench.doctor import examine

    with _quiet_libraries():
        checks = examine()
    _print_table(["check", "", "what was found"], [[c.name, "ok" if c.ok else "FAILED", c.found] for c in checks])
    if not all(check.ok for check in checks):
        raise SystemExit(1)


def _print_table(headings: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _import_heavy() -> None:
    """Libraries that take seconds, with their own chatter about it switched off."""
    import transformers.utils.logging as chatter

    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    import datasets

    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """No warnings of libraries between our lines; what concerns the user, we say."""
    import logging
    import warnings

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    logging.getLogger().setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _standard_output_for(as_json: bool) -> Iterator[Any]:
    """The real standard output. With --json, whatever else prints, be it in C, goes to standard error instead."""
    if not as_json:
        yield sys.stdout
        return
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as real:
        os.dup2(2, 1)
        yield real


# Commands in files of their own
app.command()(report)
app.command()(compare)
app.command()(pack)
app.command()(validate)
app.command()(sweep)


def main() -> None:
    """Entry point: errors of use are one line and exit code 2."""
    from sdzero_bench.errors import UserError

    try:
        app()
    except UserError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""))
