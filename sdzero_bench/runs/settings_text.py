"""All settings of a run as YAML that says in comments what each is; `sdzero-bench run --config FILE` reads it."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel

from sdzero_bench.core.settings import RunConfig
from sdzero_bench.runs import registry

SHARED = {
    "epochs": "Passes over the examples.",
    "rounds": "How often samples are drawn and trained on.",
    "template": "The prompt that the teacher reads.",
    "clip_high": "See `clip_low`.",
    "srt": "Phase 1: self-revision training.",
    "distill": "Phase 2: self-distillation from the reviser.",
    "train": "Number of training questions.",
    "validation": "Number of validation questions.",
    "test": "Number of test questions.",
}
"""Of options that several methods or tasks have, where their own files say nothing: any change to these would change their
digests."""

WIDTH = 110
"""Characters per line of a comment."""


def settings_text(config: RunConfig) -> str:
    """Raises `UserError` for the name of a task or method that there is not."""
    about = f"# Settings of {config.method['name']} on {config.task['name']}. Run with them: sdzero-bench run --config FILE"
    options = {"task": registry.task(config.task["name"]).Options, "method": registry.method(config.method["name"]).Options}
    return "\n".join([about, *_section(RunConfig, config.model_dump(mode="json"), "", options)]) + "\n"


def _section(
    cls: type[BaseModel], values: Mapping[str, Any], indent: str, parts: Mapping[str, type[BaseModel]]
) -> Iterator[str]:
    """The settings of a model. `parts` are the models of those that are kept as mappings."""
    if "name" in values and "name" not in cls.model_fields:
        yield f"{indent}name: {_yaml(values['name'])}"
    for name, field in cls.model_fields.items():
        kind: Any = parts.get(name, field.annotation)
        nested = isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(values[name], dict)
        text = meaning(cls, name) or (inspect.cleandoc(kind.__doc__ or "") if nested else "")
        default = None if field.is_required() or nested else field.get_default(call_default_factory=True)
        default = list(default) if isinstance(default, tuple) else default
        if not nested and not field.is_required() and default != values[name]:
            text += f" Default: {_yaml(default)}."
        if not indent and nested:
            yield ""
        yield from textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if nested and values[name]:
            yield f"{indent}{name}:"
            yield from _section(kind, values[name], indent + "  ", {})
        else:
            yield f"{indent}{name}: {_yaml(values[name])}"


def _yaml(value: Any) -> str:
    """On one line; text with line breaks as JSON, which YAML is a superset of."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False)
    text = text.removesuffix("...\n").strip()
    return json.dumps(value, ensure_ascii=False) if "\n" in text else text


def meaning(cls: type[BaseModel], name: str) -> str:
    """What a setting is for, on one line; "" if nothing says so."""
    text = cls.model_fields[name].description or descriptions(cls).get(name) or SHARED.get(name, "")
    return " ".join(text.split())


@cache
def descriptions(cls: type[BaseModel]) -> dict[str, str]:
    """By name of a setting, the text below it in the source of its class, or else in that of a class it is derived from."""
    found: dict[str, str] = {}
    for source in reversed(cls.__mro__):
        if not issubclass(source, BaseModel) or source is BaseModel:
            continue
        try:
            (body,) = ast.parse(textwrap.dedent(inspect.getsource(source))).body
        except (OSError, TypeError, SyntaxError, ValueError):
            continue  # made at run time
        assert isinstance(body, ast.ClassDef)
        for setting, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(setting, ast.AnnAssign) and isinstance(setting.target, ast.Name) and isinstance(below, ast.Expr):
                found[setting.target.id] = inspect.cleandoc(str(ast.literal_eval(below.value)))
    return found
