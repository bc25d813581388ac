"""`sdzero-bench eval`: measure a policy that is there, on tasks of ours or of a harness."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sdzero_bench.cli.commands.allow_weaker import ALLOW_WEAKER, ALLOW_WEAKER_SETTING
from sdzero_bench.cli.commands.executing import Prepared, carry_out


class Harness(StrEnum):
    LM_EVAL = "lm-eval"
    EVALPLUS = "evalplus"


def evaluate(
    policy: Annotated[
        str,
        typer.Argument(metavar="MODEL_OR_RUN", help="A directory, a name on the hub, a run's folder, or RUN/checkpoints/NAME."),
    ],
    task: Annotated[str | None, typer.Option(help="Task; see `sdzero-bench tasks`. Default: the run's own.")] = None,
    harness: Annotated[Harness | None, typer.Option(help="Whose tasks --tasks names.")] = None,
    tasks: Annotated[str | None, typer.Option(help="Tasks of the harness, with commas: gsm8k,minerva_math.")] = None,
    k: Annotated[int | None, typer.Option(min=1, help="Samples a question, for avg@k, pass@k and maj@k.")] = None,
    split: Annotated[str | None, typer.Option(help="test or validation.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    preset: Annotated[str, typer.Option(help="Settings to start from; see `sdzero-bench presets`.")] = "micro",
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as evaluation.temperature=0.7; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the folders of the records are made.")] = Path("runs"),
    allow_weaker_sandbox: Annotated[bool, typer.Option("--allow-weaker-sandbox", help=ALLOW_WEAKER)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output is one JSON document, a list for several.")] = False,
) -> None:
    """Measure a policy: sampled, verified, journaled and recorded as in a run, but nothing is trained.

    The checkpoint of a run is measured under the settings of that run. Greedy: --k 1 --set evaluation.temperature=0.

    Harnesses (pip install 'sdzero-bench\\[harness]') bring questions, prompts, rules and sampling settings of their own;
    policies are sampled by the same engine. Their figures are in records and reports under the harness's name and version, and
    are not ranked with ours. A task of a harness is a task like others: --harness lm-eval --tasks gsm8k is --task
    lm-eval:gsm8k.

    Without a network, give lm-eval files of the same fields, --set task.dataset_path=json --set
    'task.dataset_kwargs={data_files: {train: FILE, test: FILE}}', or YAML files of your own, --set task.include_path=DIR; give
    evalplus its release in HUMANEVAL_OVERRIDE_PATH and MBPP_OVERRIDE_PATH.

    Examples:

    sdzero-bench eval runs/sdzero-micro-arith-s0-20260101-120000 --k 32

    sdzero-bench eval Qwen/Qwen3-0.6B --task math500 --k 8 --set evaluation.max_new_tokens=4096

    sdzero-bench eval Qwen/Qwen3-0.6B --harness lm-eval --tasks gsm8k,minerva_math --limit 100

    sdzero-bench eval Qwen/Qwen3-0.6B --harness evalplus --tasks humaneval,mbpp
    """
    from sdzero_bench.core.errors import UserError

    if (harness is None) != (tasks is None):
        raise UserError("--harness and --tasks go together: --harness lm-eval --tasks gsm8k; for a task of ours, --task NAME")
    if task is not None and tasks is not None:
        raise UserError("--task names a task of ours, --tasks those of a harness; give one of them")
    names: list[str | None] = [task]
    if harness is not None and tasks is not None:
        names = [f"{harness.value}:{name.strip()}" for name in tasks.split(",") if name.strip()]
    if not names:
        raise UserError("--tasks names none; separate names with commas")
    assignments = [*(assign or []), *([ALLOW_WEAKER_SETTING] if allow_weaker_sandbox else [])]

    def prepare(display: Any, ranks: Any) -> Prepared:
        from sdzero_bench.runs.evaluation.standalone import settings_for, subject
        from sdzero_bench.runs.session import Session

        measured, prepared = subject(policy), []
        for name in dict.fromkeys(names):
            session = Session(settings_for(measured, preset, name, assignments, k, limit, split), display, ranks)
            session.origin = measured.origin
            prepared.append((session, lambda session=session: session.new_folder(out)))
        return prepared

    carry_out(prepare, as_json)
