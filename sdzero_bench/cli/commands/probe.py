"""`sdzero-bench probe`: is the test set in the base model, and is the base measured low?"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import task_names
from sdzero_bench.cli.commands.executing import measuring
from sdzero_bench.cli.commands.options import AllowWeaker, AsJson, OfEvaluation, PresetOfRun, with_sandbox
from sdzero_bench.cli.commands.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sdzero_bench.report.rendering.blocks import Block


class ProbePart(StrEnum):
    CONTAMINATION = "contamination"
    PROMPTS = "prompts"


def probe(
    policy: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A model directory, a GGUF file, a name on the Hugging Face Hub, or a run."),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "--tasks",
            autocompletion=task_names,
            metavar="NAME",
            help="Task; see `sdzero-bench tasks`. Default: that of the run, if MODEL is one.",
        ),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(
            metavar="TASK_OR_FILE", help="Similar questions that the model cannot have seen. Default: see the description."
        ),
    ] = None,
    only: Annotated[
        ProbePart | None, typer.Option(metavar="PART", help="Run this part alone: contamination or prompts.")
    ] = None,
    questions: Annotated[int, typer.Option(min=2, metavar="N", help="Use the first N test questions, or all if fewer.")] = 100,
    k: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Samples per question and prompt. Default: evaluation.samples.")
    ] = None,
    preset: PresetOfRun = None,
    assign: OfEvaluation = None,
    output: Annotated[
        Path | None, typer.Option("--output", "--out", help="Folder for probe.md, probe.json and the samples.")
    ] = None,
    allow_weaker_sandbox: AllowWeaker = False,
    as_json: AsJson = False,
) -> None:
    """Was the base trained on the test set, and do prompts understate it? Two reasons why a gain may not be real.

    Contamination: the model is given the first 60 % of each test question, as
    plain text, and continues greedily. How often it writes the rest word for
    word, and how close it comes (ROUGE-L), is compared with control questions
    that it cannot have seen. Tasks that generate their questions draw new ones.
    For other tasks give similar questions with --control; without it, the
    control is the same questions with other numbers, which is weaker: numbers
    that fit together are easier to continue.

    Prompts: avg@k under the task's own prompt and under others: without a
    system message, as plain text, with the instructions of model cards, with
    solved examples; and with the sampling parameters in the model's own
    generation_config.json. The best stands beside the default.

    Samples are journaled: if it is interrupted, the same command goes on. The
    default folder is probe-MODEL-TASK.

    Examples:

    sdzero-bench probe Qwen/Qwen2.5-Math-7B --task math500 \\
        --control new_problems.jsonl

    sdzero-bench probe ./base --task gsm8k --only contamination --questions 500

    sdzero-bench probe package:sdzero_bench.tasks/micro_world/habits \\
        --task micro-arith
    """
    with measuring(as_json) as (display, standard_output):
        from sdzero_bench.core.distributed import ALONE
        from sdzero_bench.policies.devices import take_one_gpu
        from sdzero_bench.records.folder import write_atomic
        from sdzero_bench.report.probe.probe_page import COMMAND, ProbeReport, blocks, document
        from sdzero_bench.report.rendering.formats import markdown
        from sdzero_bench.runs.evaluation.standalone import settings_for, subject
        from sdzero_bench.runs.probe.base_probe import BaseProbe, question_limit

        measured, assignments = subject(policy), with_sandbox(assign, allow_weaker_sandbox)
        config = settings_for(measured, preset, task, assignments, k)
        limit = question_limit(config, questions)
        config = settings_for(measured, preset, task, assignments, k, limit)
        take_one_gpu(config.model, ALONE)
        folder = output or Path(f"probe-{Path(policy).name}-{config.task['name']}".replace("/", "-").replace(":", "-"))
        wanted = {"complete": only != ProbePart.PROMPTS, "ask": only != ProbePart.CONTAMINATION}
        probed = BaseProbe(config, folder, display, control, **wanted)
        try:
            report = ProbeReport(
                model=config.model.name,
                task=config.task["name"],
                question_set=probed.questions.fingerprint,
                questions=limit,
                contamination=probed.contamination(),
                sensitivity=probed.prompt_sensitivity(),
            )
        finally:
            probed.close()
        page = blocks(report)
        write_atomic(folder / "probe.json", json.dumps(document(report), indent=2, ensure_ascii=False) + "\n")
        write_atomic(folder / "probe.md", markdown(page, COMMAND))
        if as_json:
            print(json.dumps(document(report)), file=standard_output, flush=True)
            return
        _show(page)
        typer.echo(f"\nEverything is in {folder}: start with probe.md")


def _show(page: Sequence[Block]) -> None:
    from sdzero_bench.report.rendering.blocks import Heading, Notes, Table

    for block in page:
        match block:
            case Heading(_, text):
                typer.echo(f"\n{text}")
            case Table(headings, rows, left):
                print_table(headings, rows, left=left)
            case Notes(lines):
                typer.echo("\n".join(lines))
