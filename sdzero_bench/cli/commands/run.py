"""`sdzero-bench run`: train a method and evaluate it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import names_of_presets, setting_keys
from sdzero_bench.cli.commands.executing import Prepared, carry_out
from sdzero_bench.cli.commands.options import AllowWeaker, AsJson, ConfigFile, MethodName, Model, TaskName, with_sandbox
from sdzero_bench.core.errors import UserError

if TYPE_CHECKING:
    from sdzero_bench.core.distributed import Ranks
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.records.schema import RunResult


def run(
    method: MethodName = None,
    preset: Annotated[
        str | None,
        typer.Option(
            autocompletion=names_of_presets, help="Settings to start from; see `sdzero-bench presets`.", show_default="micro"
        ),
    ] = None,
    model: Model = None,
    task: TaskName = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all randomness in training.")] = None,
    config: ConfigFile = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            autocompletion=setting_keys,
            metavar="KEY=VALUE",
            help="Override one setting, such as method.distill.epochs=3; repeatable.",
        ),
    ] = None,
    report_to: Annotated[
        str | None,
        typer.Option(help="Experiment trackers for the training curves, comma-separated: tensorboard, wandb, trackio, ..."),
    ] = None,
    push_to_hub: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME", help="Publish the final policy when the run is finished, as `sdzero-bench push` does."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="A quick look: the first N training questions and N test questions only. Short for --set questions.train=N "
            "--set questions.test=N; recorded, and never ranked beside a run on other questions.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Directory in which the run folder is created.")] = Path("runs"),
    allow_weaker_sandbox: AllowWeaker = False,
    resume: Annotated[Path | None, typer.Option(help="Folder of an interrupted run to resume.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a method on a task under a sample budget, and evaluate the result.

    Examples:

    sdzero-bench run --method sdzero

    sdzero-bench run --method rft --seed 1 --set questions.train=500

    sdzero-bench run --method grpo --task micro-code --limit 20

    sdzero-bench run --resume runs/sdzero-micro-arith-s0-20260101-120000
    """
    prepare = preparation(
        method, preset, model, task, seed, config, assign, report_to, push_to_hub, limit, out, allow_weaker_sandbox, resume
    )

    def publish(result: RunResult) -> None:
        from sdzero_bench.report.publishing import push

        if push_to_hub is not None:
            typer.echo(push(Path(result.folder), push_to_hub, private=False), err=True)

    carry_out(prepare, as_json, publish)


def preparation(
    method: str | None,
    preset: str | None,
    model: str | None,
    task: str | None,
    seed: int | None,
    config: Path | None,
    assign: list[str] | None,
    report_to: str | None,
    push_to_hub: str | None,
    limit: int | None,
    out: Path,
    allow_weaker_sandbox: bool,
    resume: Path | None,
) -> Callable[[ProgressDisplay, Ranks], Prepared]:
    """What prepares the run that these options of `run` ask for. It raises `UserError` for what is refused before it starts."""
    from sdzero_bench.runs.config import first_questions

    for kind, name in (("method", method), ("task", task)):
        if name is not None and "," in name and ":" not in name:  # a path, as in file:PATH, may have a comma
            raise UserError(f"a run has one {kind}; for several: sdzero-bench sweep --{kind}s {name}")
    settings = [*first_questions(limit), *with_sandbox(assign, allow_weaker_sandbox)]
    if report_to is not None:
        settings.append(f"tracking.report_to=[{report_to}]")

    def prepare(display: ProgressDisplay, ranks: Ranks) -> Prepared:
        from sdzero_bench.report.publishing import require_login
        from sdzero_bench.runs.config import resolve
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

    return prepare
