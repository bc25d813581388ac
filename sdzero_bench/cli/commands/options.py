"""Options that several commands share, so that they have the same name, meaning and help everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.completions import method_names, names_of_presets, setting_keys, task_names

if TYPE_CHECKING:
    from sdzero_bench.core.settings import RunConfig

Preset = Annotated[
    str, typer.Option(autocompletion=names_of_presets, help="Settings to start from; see `sdzero-bench presets`.")
]
PresetOfRun = Annotated[
    str | None,
    typer.Option(
        "--preset",
        autocompletion=names_of_presets,
        help="Settings to start from; see `sdzero-bench presets`. Default: those of the run, or micro.",
    ),
]
Model = Annotated[str | None, typer.Option(help="Base policy: a directory, a GGUF file, or a name on the Hugging Face Hub.")]
TaskName = Annotated[
    str | None,
    typer.Option(
        "--task",
        "--tasks",
        autocompletion=task_names,
        metavar="NAME",
        help="Task; see `sdzero-bench tasks`. Default: the preset's.",
    ),
]
MethodName = Annotated[
    str | None,
    typer.Option(
        "--method",
        "--methods",
        autocompletion=method_names,
        metavar="NAME",
        help="Method to train with; see `sdzero-bench methods`.",
    ),
]
OfEvaluation = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        autocompletion=setting_keys,
        metavar="KEY=VALUE",
        help="Override one setting, such as evaluation.top_p=0.9; repeatable.",
    ),
]
ConfigFile = Annotated[Path | None, typer.Option(help="YAML file with settings that override the preset's.")]
AllowWeaker = Annotated[
    bool,
    typer.Option(
        "--allow-weaker-sandbox",
        help="If bubblewrap does not work, run model-written programs in a weaker sandbox, or without one (tier 3). They "
        "may then read or harm this machine. The tier in use is recorded.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


def with_sandbox(assignments: Sequence[str] | None, allow_weaker_sandbox: bool) -> list[str]:
    """The `--set` assignments, plus the one that `--allow-weaker-sandbox` stands for."""
    return [*(assignments or []), *(["verifying.allow_weaker_sandbox=true"] if allow_weaker_sandbox else [])]


def listed(option: str, text: str) -> list[str]:
    """The names in a comma-separated option, each once. Raises `UserError` if there is none."""
    from sdzero_bench.core.errors import UserError

    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UserError(f"{option} is empty; give at least one name, separated by commas")
    return list(dict.fromkeys(names))


def task_config(name: str, assignments: list[str]) -> RunConfig:
    """The settings of a run on a task or a question file, including the preset's defaults for it."""
    from sdzero_bench.runs import registry
    from sdzero_bench.runs.config import resolve

    is_file = Path(name).expanduser().exists() and not name.endswith((".yaml", ".yml"))
    known = f"file:{name}" if is_file and name not in registry.tasks() else name
    return resolve("base", assignments=assignments, task=known)
