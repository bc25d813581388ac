"""The command line. Heavy imports live inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sdzero_bench.cli.commands.compare import compare
from sdzero_bench.cli.commands.config import config
from sdzero_bench.cli.commands.doctor import doctor
from sdzero_bench.cli.commands.eval import evaluate
from sdzero_bench.cli.commands.executing import fail
from sdzero_bench.cli.commands.export import export
from sdzero_bench.cli.commands.inspect import inspect
from sdzero_bench.cli.commands.launch import CONTEXT, launch
from sdzero_bench.cli.commands.launchers import launchers
from sdzero_bench.cli.commands.methods import methods
from sdzero_bench.cli.commands.new import new
from sdzero_bench.cli.commands.pack import pack
from sdzero_bench.cli.commands.passk import passk
from sdzero_bench.cli.commands.plan import plan
from sdzero_bench.cli.commands.presets import presets
from sdzero_bench.cli.commands.probe import probe
from sdzero_bench.cli.commands.push import push
from sdzero_bench.cli.commands.report import report
from sdzero_bench.cli.commands.reproduce import reproduce
from sdzero_bench.cli.commands.run import run
from sdzero_bench.cli.commands.serve import serve
from sdzero_bench.cli.commands.submit import submit
from sdzero_bench.cli.commands.sweep import sweep
from sdzero_bench.cli.commands.tasks import tasks
from sdzero_bench.cli.commands.validate import validate
from sdzero_bench.cli.commands.verify import verify
from sdzero_bench.cli.commands.view import view

app = typer.Typer(
    name="sdzero-bench",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from sdzero_bench import __version__
        from sdzero_bench.core.bench_version import BENCH_VERSION

        typer.echo(f"sdzero-bench {__version__} (bench version {BENCH_VERSION})")
        raise typer.Exit


@app.callback()
def sdzero_bench(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Compare post-training methods on verifiable tasks: one question set, one sample budget, one evaluation.

    Start with: sdzero-bench run --method sdzero
    """


# In the order of --help.
app.command()(run)
app.command(context_settings=CONTEXT)(launch)
app.command("eval")(evaluate)
app.command()(passk)
app.command()(probe)
app.command()(sweep)
app.command()(report)
app.command()(compare)
app.command()(inspect)
app.command()(view)
app.command()(reproduce)
app.command()(plan)
app.add_typer(config, name="config")
app.command()(methods)
app.command()(presets)
app.add_typer(tasks, name="tasks")
app.add_typer(new, name="new")
app.command()(verify)
app.command()(pack)
app.command()(validate)
app.command()(submit)
app.command()(push)
app.add_typer(export)
app.command()(launchers)
app.command()(serve)
app.command()(doctor)


def program() -> None:
    """Entry point. As `main`, but does not wait for threads that code of a method or task has left running."""
    from sdzero_bench.core.left_threads import give_up_on_threads

    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        raise
    finally:
        give_up_on_threads(code)


def main() -> None:
    """Run the command of `sys.argv`. An error that the user can fix is one line on standard error, with exit code 2."""
    from sdzero_bench.core.errors import INTERRUPTED, UserError
    from sdzero_bench.core.threads import share_cores

    share_cores()
    try:
        os.getcwd()
    except FileNotFoundError:
        fail("the working directory no longer exists; change to one that does")
    try:
        if (code := app(standalone_mode=False)) == INTERRUPTED:
            fail("interrupted", INTERRUPTED)
        raise SystemExit(code or 0)
    except UserError as error:
        fail(str(error), error.exit_code)
    except OSError as error:
        fail(f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else ""))
    except Exception as error:
        from sdzero_bench.cli.usage_errors import in_one_line, is_help, is_usage_error

        if not is_usage_error(error):
            raise
        if is_help(error):
            raise SystemExit(2) from None
        fail(in_one_line(error))
