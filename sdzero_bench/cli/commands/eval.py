"""`sdzero-bench eval`: evaluate an existing policy on a task of ours or of a harness."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import task_names
from sdzero_bench.cli.commands.executing import Prepared, carry_out
from sdzero_bench.cli.commands.options import AllowWeaker, AsJson, OfEvaluation, PresetOfRun, listed, with_sandbox

if TYPE_CHECKING:
    from sdzero_bench.core.distributed import Ranks
    from sdzero_bench.core.progress import ProgressDisplay


class Harness(StrEnum):
    LM_EVAL = "lm-eval"
    EVALPLUS = "evalplus"


def evaluate(
    policy: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_RUN",
            help="A model directory, a name on the Hugging Face Hub, a run folder, or RUN/checkpoints/NAME.",
        ),
    ],
    tasks: Annotated[
        str | None,
        typer.Option(
            "--task",
            "--tasks",
            autocompletion=task_names,
            metavar="NAMES",
            help="Tasks, comma-separated; see `sdzero-bench tasks`. Default: that of the run.",
        ),
    ] = None,
    harness: Annotated[Harness | None, typer.Option(help="The tasks are of this harness, such as gsm8k,minerva_math.")] = None,
    k: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Samples per question, for avg@k, pass@k and maj@k.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Split to evaluate on: test or validation.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Evaluate on the first N questions only.")] = None,
    preset: PresetOfRun = None,
    assign: OfEvaluation = None,
    out: Annotated[Path, typer.Option(help="Directory in which the record folders are created.")] = Path("runs"),
    allow_weaker_sandbox: AllowWeaker = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate a policy without training it: sampling, verification, journal and record are those of a run.

    A checkpoint of a run is evaluated under the settings of that run. For
    greedy decoding, use --k 1 --set evaluation.temperature=0. With --json and
    several tasks, the document is a list of results.

    Harnesses (pip install 'sdzero-bench\\[harness]') bring their own questions,
    prompts, scoring rules and sampling settings; our engine samples the
    policies. Records and reports show their figures under the harness's name
    and version, and do not rank them with ours. --harness lm-eval --tasks gsm8k
    is short for --task lm-eval:gsm8k.

    Without a network, point lm-eval to local files with the same fields,

    --set task.dataset_path=json
    --set 'task.dataset_kwargs={data_files: {train: FILE, test: FILE}}'

    or to task YAML files of your own, --set task.include_path=DIR. For
    evalplus, set HUMANEVAL_OVERRIDE_PATH and MBPP_OVERRIDE_PATH to its release
    files.

    Examples:

    sdzero-bench eval runs/sdzero-micro-arith-s0-20260101-120000 --k 32

    sdzero-bench eval Qwen/Qwen3-0.6B --task math500 --k 8 \\
        --set evaluation.max_new_tokens=4096

    sdzero-bench eval Qwen/Qwen3-0.6B --harness lm-eval \\
        --tasks gsm8k,minerva_math --limit 100

    sdzero-bench eval Qwen/Qwen3-0.6B --harness evalplus --tasks humaneval,mbpp
    """
    from sdzero_bench.core.errors import UserError

    if harness is not None and tasks is None:
        raise UserError("--harness needs its tasks, as in --harness lm-eval --tasks gsm8k")
    prefix = f"{harness.value}:" if harness is not None else ""
    names: list[str | None] = [None] if tasks is None else [prefix + name for name in listed("--tasks", tasks)]
    assignments = with_sandbox(assign, allow_weaker_sandbox)

    def prepare(display: ProgressDisplay, ranks: Ranks) -> Prepared:
        from sdzero_bench.runs.evaluation.standalone import settings_for, subject
        from sdzero_bench.runs.session import Session

        measured, prepared = subject(policy), []
        for name in dict.fromkeys(names):
            session = Session(settings_for(measured, preset, name, assignments, k, limit, split), display, ranks)
            session.origin = measured.origin
            prepared.append((session, lambda session=session: session.new_folder(out)))
        return prepared

    carry_out(prepare, as_json)
