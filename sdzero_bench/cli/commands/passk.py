"""`sdzero-bench passk`: pass@k curves of trained policies and their base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sdzero_bench.cli.commands.completions import task_names
from sdzero_bench.cli.commands.executing import measuring
from sdzero_bench.cli.commands.options import AllowWeaker, AsJson, OfEvaluation, PresetOfRun, with_sandbox
from sdzero_bench.cli.commands.tables import print_table


def passk(
    policies: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_OR_MODEL...",
            help="Run folders, RUN/checkpoints/NAME, model directories, or names on the Hugging Face Hub.",
        ),
    ],
    base: Annotated[
        str | None, typer.Option(help="Policy to compare with. Default: the model that the runs were trained from.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "--tasks",
            autocompletion=task_names,
            metavar="NAME",
            help="Task; see `sdzero-bench tasks`. Default: that of the first run.",
        ),
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of questions, the first of the split. Default: 50, or all if fewer."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="Samples per question, and the largest k.")] = 64,
    preset: PresetOfRun = None,
    assign: OfEvaluation = None,
    output: Annotated[Path, typer.Option("--output", "--out", help="Folder for table, figure and samples.")] = Path("passk"),
    allow_weaker_sandbox: AllowWeaker = False,
    as_json: AsJson = False,
) -> None:
    """pass@k for k = 1, 2, 4, ..., 64 of trained policies and their base, on the same questions.

    Training often raises pass@1 and lowers pass@64: a policy finds its answers
    more often, and fewer different ones. The k of `run` and `eval` shows one
    point of the two curves. This draws many samples of a few questions and
    says at which k a policy falls below its base, if it does.

    All policies are measured under the settings of the first run. Samples are
    journaled, one record folder per policy: if it is interrupted, the same
    command goes on, and with one more policy it draws that one alone.

    Writes passk.md, passk.json, passk.png and passk.svg into the folder.

    Examples:

    sdzero-bench passk runs/grpo-micro-arith-s0-20260101-120000

    sdzero-bench passk sweeps/mine/rft-* sweeps/mine/grpo-* --questions 100

    sdzero-bench passk ./trained --base Qwen/Qwen3-0.6B --task gsm8k
    """
    with measuring(as_json) as (display, standard_output):
        from sdzero_bench.core.distributed import ALONE
        from sdzero_bench.core.stats.pass_curves import pass_curves, powers_of_two
        from sdzero_bench.policies.devices import take_one_gpu
        from sdzero_bench.records.folder import write_atomic
        from sdzero_bench.report.pass_curves.pass_figure import draw_pass_curves
        from sdzero_bench.report.pass_curves.pass_table import (
            COMMAND,
            FIGURE,
            MeasuredCurves,
            blocks,
            crossings,
            document,
            notes,
            tables,
        )
        from sdzero_bench.report.rendering.formats import markdown
        from sdzero_bench.runs.pass_curves.compared_policies import compared_policies
        from sdzero_bench.runs.pass_curves.counting import counts, sessions

        assignments = with_sandbox(assign, allow_weaker_sandbox)
        compared = compared_policies(policies, base, preset, task, assignments, questions, samples)
        first = next(iter(compared.configs.values()))
        take_one_gpu(first.model, ALONE)
        opened = sessions(compared, output, display)
        counted = {label: counts(session, folder, display) for label, (session, folder) in opened.items()}
        asked = next(iter(opened.values()))[0].test_questions
        measured = MeasuredCurves(
            task=first.task["name"],
            question_set=asked.fingerprint,
            questions=len(asked),
            samples=samples,
            temperature=first.evaluation.temperature,
            curves=pass_curves(counted, powers_of_two(samples), compared.base),
        )
        write_atomic(output / "passk.json", json.dumps(document(measured), indent=2) + "\n")
        write_atomic(output / "passk.md", markdown(blocks(measured), COMMAND))
        for ending, content in draw_pass_curves(measured).items():
            (output / f"{FIGURE}.{ending}").write_bytes(content)
        if as_json:
            print(json.dumps(document(measured)), file=standard_output, flush=True)
            return
        for headings, rows in tables(measured):
            print_table(headings, rows, left=1)
        for line in [*crossings(measured), *notes(measured), f"Everything is in {output}: start with passk.md"]:
            typer.echo(line)
