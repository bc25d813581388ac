"""`sdzero-bench verify`: verdicts on responses from elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import setting_keys, task_names
from sdzero_bench.cli.commands.executing import fail
from sdzero_bench.cli.commands.options import AllowWeaker, task_config, with_sandbox
from sdzero_bench.cli.commands.tables import print_table
from sdzero_bench.core.errors import INTERRUPTED
from sdzero_bench.runs.quiet_libraries import quiet_libraries

if TYPE_CHECKING:
    from sdzero_bench.core.settings import VerifyingConfig
    from sdzero_bench.core.verdict import Verdict
    from sdzero_bench.runs.verify.response_lines import GivenResponse
    from sdzero_bench.runs.verify.verify_file import ResponseFile


class SplitName(StrEnum):
    TEST = "test"
    VALIDATION = "validation"
    TRAIN = "train"


def verify(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines, one response a line; `-` for standard input.")],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "--tasks",
            autocompletion=task_names,
            metavar="NAME",
            help="Task or question file that `question_id` refers to.",
        ),
    ] = None,
    split: Annotated[
        SplitName | None,
        typer.Option(
            metavar="SPLIT", help="Split with the questions: test, validation or train. Default: the one that has them."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write verdicts here, not to standard output.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of verifier processes. Default: one per core.")
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            autocompletion=setting_keys,
            metavar="KEY=VALUE",
            help="Override one setting, such as task.path=FILE; repeatable.",
        ),
    ] = None,
    allow_weaker_sandbox: AllowWeaker = False,
) -> None:
    """Verify responses that were sampled elsewhere, with the verifiers of our tasks.

    Each line of FILE is a JSON object: a response, and what it is verified
    against. That is a gold answer (a number or LaTeX, or of another kind), tests
    of a program as in question files, or the id of a question of --task:

    {"answer": "1/2", "response": "So it is \\\\boxed{0.5}."}

    {"kind": "choice", "options": ["Rome", "Paris"], "answer": "B",
    "response": "Answer: Paris"}

    {"kind": {"kind": "number", "relative": 0.01}, "answer": 9.81,
    "response": "Answer: 9.8"}

    {"tests": ["assert add(2, 3) == 5"], "response": "```python ..."}

    {"tests": {"form": "stdio", "inputs": ["2 3"], "outputs": ["5"]},
    "language": "cpp", "limits": {"cpu_seconds": 2}, "response": "..."}

    {"question_id": "test-17", "response": "..."}

    Kinds are math (the default), number, text, choice, set, json and regex;
    docs/own_data.md has their options.

    `id` and `metadata` are passed on; other keys are refused. The verdicts are
    JSON lines on standard output, in the same order:

    {"reward": 1, "outcome": "right", "detail": "answer: 0.5", "seconds": 0.01}

    The reward is null if the gold answer cannot be read or the verifier failed
    (outcome error or timeout).

    Every line is read before the first is verified: one that cannot be read is
    an error that names it. Responses with equal programs are verified once.
    Programs run in the sandbox.

    Examples:

    sdzero-bench verify responses.jsonl > verdicts.jsonl

    sdzero-bench verify responses.jsonl --task gsm8k --set task.path=gsm8k

    zcat samples.jsonl.gz | sdzero-bench verify - --jobs 4 --out verdicts.jsonl
    """
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.runs.config import make_task
    from sdzero_bench.runs.verify.response_lines import opened
    from sdzero_bench.runs.verify.verify_file import read
    from sdzero_bench.verifiers.equip import equip

    settings = with_sandbox(assign, allow_weaker_sandbox)
    if task is None and (split is not None or any(text.startswith("task.") for text in settings)):
        raise UserError("--split and --set task.KEY=VALUE are for --task NAME")
    config = task_config(task or "micro-arith", settings)
    verifying = config.verifying.model_copy(update={"workers": jobs or config.verifying.workers})
    try:
        with quiet_libraries(), opened(file) as source:
            chosen = None if task is None else equip(make_task(config), verifying)
            _verify(read(source, file, chosen, None if split is None else split.value), verifying, out)
    except KeyboardInterrupt:
        fail("interrupted; the verdicts so far have been written", INTERRUPTED)


def _verify(file: ResponseFile, settings: VerifyingConfig, out: Path | None) -> None:
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.runs.verify.result_rows import outcome, outcome_rows, result_line
    from sdzero_bench.runs.verify.verify_file import verifier, verify

    if out is not None and out.exists() and Path(file.name).exists() and out.samefile(file.name):
        raise UserError(f"--out {str(out)!r} is the file of the responses; give another name")
    task = verifier(file, settings)
    display = ProgressDisplay()
    if task.sandbox is not None:
        display.say(f"programs run in the sandbox: {task.sandbox.name}")
    outcomes: Counter[str] = Counter()
    stream: contextlib.AbstractContextManager[IO[str]] = contextlib.nullcontext(sys.stdout)
    if out is not None:
        stream = out.open("w", encoding="utf-8")
    with stream as output, display.phase("verify", file.count, unit="responses") as bar:

        def show(given: GivenResponse, verdict: Verdict) -> None:
            limit = task.time_limit(given.question) or settings.timeout_seconds
            print(result_line(verdict, given.passed_on, limit), file=output, flush=True)
            outcomes[outcome(verdict)] += 1
            bar.advance(1, [verdict.reward])

        verify(file, task, settings, display.say, show)
    print_table(["outcome", "responses", "%"], outcome_rows(outcomes), error=True)
