"""The settings and command references: from the pydantic models, and from the typer app."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sdzero_bench.core.settings import RunConfig
from tools.docs_site.options_table import options_table

ROOT = Path(__file__).parent.parent.parent

SETTINGS = """# Settings reference

Every setting of a run. `--set SECTION.KEY=VALUE` sets one, and `--config FILE` those of a YAML file; the `config.yaml` of a run
has all of them. The defaults below are those of the code. A preset may have others, and so may a method or a task under a
preset: [how settings are put together](../settings.md).

{sections}

## task and method

`task.name` and `method.name` are set with `--task` and `--method`; the options of each are on its page
([tasks](../tasks.md), [methods](../methods.md)).
"""

COMMANDS = """# Command reference

`sdzero-bench COMMAND --help` says the same in a terminal. Exit codes: 0 if all went well, 1 if something was found or failed, 2
for an error in what was asked for, in one line.

{commands}
"""


def reference_pages() -> dict[str, str]:
    """Path below docs/ to Markdown."""
    return {"reference/settings.md": _settings(), "reference/commands.md": _commands()}


def _settings() -> str:
    sections = {name: kind for name, field in RunConfig.model_fields.items() if issubclass(kind := _class(field), BaseModel)}
    parts = [_section("The run", RunConfig, options_table(RunConfig, left_out=sections.keys()))]
    parts += [_section(name, model, options_table(model, f"{name}.")) for name, model in sections.items()]
    return SETTINGS.format(sections="\n\n".join(parts))


def _class(field: FieldInfo) -> type:
    return field.annotation if inspect.isclass(field.annotation) else object


def _section(title: str, model: type[BaseModel], table: str) -> str:
    return f"## {title}\n\n{inspect.getdoc(model)}\n\n{table}"


def _commands() -> str:
    """What typer writes of the app, with each example as code."""
    typer = [sys.executable, "-m", "typer", "sdzero_bench.cli.app", "utils", "docs", "--name", "sdzero-bench"]
    text = subprocess.run(typer, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    _, _, commands = text.partition("\n## ")
    commands = re.sub(r"^\* `--help`: .*\n", "", f"## {commands}", flags=re.MULTILINE)
    commands = re.sub(r"^(?=(?:sdzero-bench|srun) )", "    ", commands, flags=re.MULTILINE)
    return COMMANDS.format(commands=commands.replace("&#x27;", "'").replace("&quot;", '"'))
