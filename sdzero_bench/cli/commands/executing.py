"""Executes runs for a command: results go to standard output, errors are one line that says how to resume."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

import typer

from sdzero_bench.core.errors import INTERRUPTED
from sdzero_bench.runs.quiet_libraries import import_heavy, quiet_libraries

if TYPE_CHECKING:
    from sdzero_bench.core.distributed import Ranks
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.records.folder import RunFolder
    from sdzero_bench.records.schema import RunResult
    from sdzero_bench.runs.session import Session

Prepared = Sequence[tuple["Session", Callable[[], "RunFolder"]]]
"""Runs to execute one after the other, each with a function that creates or opens its folder."""


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line to standard error and exit with this code."""
    typer.echo(f"sdzero-bench: {' '.join(message.split())}", err=True)
    raise SystemExit(code)


def carry_out(
    prepare: Callable[[ProgressDisplay, Ranks], Prepared],
    as_json: bool,
    afterwards: Callable[[RunResult], None] = lambda result: None,
) -> None:
    """Prepare all runs, so that an error in any of them is reported before the first starts, and execute them.

    With `as_json`, standard output is one document: the result, or a list of results if there are several runs. If a run has
    several processes (ranks), only the first prints results. `afterwards` is called with each result after it has been shown.
    """
    from sdzero_bench.core.distributed import ALONE, give_precedence, launched
    from sdzero_bench.core.fault_text import fault_text
    from sdzero_bench.runs.ended_early import cause_and_remedy, how_to_resume

    folder, session, ranks = None, None, ALONE
    with quiet_libraries(), _standard_output_for(as_json) as output, _ended_like_interrupts():
        try:
            import_heavy()
            from sdzero_bench.core.progress import ProgressDisplay
            from sdzero_bench.policies.devices import take_one_gpu

            ranks = launched()
            display = ProgressDisplay(quiet=not ranks.first)
            results = []
            sessions = prepare(display, ranks)
            take_one_gpu(sessions[0][0].config.model, ranks)  # it is the same policy in all of them
            for session, open_folder in sessions:
                folder = open_folder()
                display.say(session.describe(folder))
                results.append(session.execute(folder))
            ranks.close()
        except KeyboardInterrupt:
            for number in (signal.SIGINT, *_ENDING):
                signal.signal(number, signal.SIG_IGN)
            if not ranks.first:
                raise SystemExit(INTERRUPTED) from None
            fail("interrupted" + how_to_resume(folder, ranks), INTERRUPTED)
        except Exception as error:
            give_precedence(ranks)
            if (line := cause_and_remedy(error, folder, ranks)) is not None:
                fail(line)
            traceback.print_exc()
            fault = session.fault(error) if session else fault_text(error, "before the run")
            fail(f"{ranks.name}{fault}" + how_to_resume(folder, ranks), 1)
        if not ranks.first:
            return
        if as_json:
            documents = [result.model_dump(mode="json") for result in results]
            print(json.dumps(documents[0] if len(documents) == 1 else documents), file=output, flush=True)
        for result in results:
            if not as_json:
                _show(result, output)
            afterwards(result)


@contextlib.contextmanager
def measuring(as_json: bool) -> Iterator[tuple[ProgressDisplay, IO[str]]]:
    """For commands that draw samples and train nothing: the progress display, and standard output for their result.

    What they have drawn is in journals, so that an interrupted command goes on when it is given again; it says so.
    """
    with quiet_libraries(), _standard_output_for(as_json) as output, _ended_like_interrupts():
        try:
            import_heavy()
            from sdzero_bench.core.progress import ProgressDisplay

            yield ProgressDisplay(), output
        except KeyboardInterrupt:
            for number in (signal.SIGINT, *_ENDING):
                signal.signal(number, signal.SIG_IGN)
            fail("interrupted. Nothing is lost: the same command resumes", INTERRUPTED)


_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def _ended_like_interrupts() -> Iterator[None]:
    """Treat a request to end, or the end of the terminal, like Ctrl-C; what is ignored, as nohup has it, stays ignored."""
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(result: RunResult, output: IO[str]) -> None:
    from rich.console import Console

    from sdzero_bench.runs.write_up.summary import notes, terminal_tables

    console = Console(file=output, highlight=False, markup=False)
    for table in terminal_tables(result, console.width):
        console.print()
        console.print(table)
    console.print()
    for note in notes(result):
        console.print(note)
    console.print(f"Everything is in {result.folder}: start with summary.md", soft_wrap=True)
    console.print(f"\nNext:\n{next_commands(result.folder, all_right=result.evaluation[-1].avg_at_k == 1)}", soft_wrap=True)


def next_commands(folder: str, all_right: bool = False) -> str:
    """What one does with a finished run, in a line each. `all_right`: there are no wrong responses to look at."""
    from sdzero_bench.runs.ended_early import program

    run, beside = shlex.quote(folder), shlex.quote(str(Path(folder).parent))
    lines = {
        **(
            {f"inspect {run}": "its responses"}
            if all_right
            else {f"inspect {run} --wrong": "its wrong responses, with the gold answers"}
        ),
        f"report {beside}": "all runs of this folder, ranked",
        f"compare {run} OTHER_RUN": "which questions became right or wrong",
    }
    return "\n".join(f"  {program()} {command}  # {what}" for command, what in lines.items())


@contextlib.contextmanager
def _standard_output_for(as_json: bool) -> Iterator[IO[str]]:
    """The real standard output. With --json, all other output, including that of C code, is sent to standard error."""
    if not as_json:
        yield sys.stdout
        return
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as real:
        os.dup2(2, 1)
        yield real
