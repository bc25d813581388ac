"""Errors in how a command was called, in one line like all others: what is wrong, and what to type instead."""

from __future__ import annotations

import difflib
from typing import Any

UNEXPECTED = "Got unexpected extra argument"


def is_usage_error(error: Exception) -> bool:
    """Whether the parser of the command line raised it. Older versions of typer have click's classes, newer ones their own."""
    return hasattr(error, "format_message")


def is_help(error: Exception) -> bool:
    """Whether it stands for the help of a group of commands, already shown, that was called without one."""
    return type(error).__name__ == "NoArgsIsHelpError"


def in_one_line(error: Any) -> str:
    """The error's sentence, with the nearest option, command or setting."""
    context, said, kind = getattr(error, "ctx", None), error.format_message().rstrip("."), type(error).__name__
    command = context.command_path if context else "sdzero-bench"
    remedy = f"see {command} --help"
    if kind == "NoSuchOption":
        said = f"there is no option {error.option_name}"
        remedy = _option_or_setting(error.option_name, context) or remedy
    elif said.startswith("No such command"):
        said = said.partition(". ")[0]
        near = difflib.get_close_matches(said.split("'")[1], context.command.commands, n=1) if context else []
        remedy = f"did you mean {near[0]}?" if near else remedy
    elif said.startswith(UNEXPECTED):
        extra = said.partition("(")[2].removesuffix(")").removeprefix("s) (")
        said = f"unexpected argument {extra!r}"
        remedy = _option_for(extra, context) or remedy
    # typer checks values with pydantic, which opens its messages with the kind of error.
    return f"{_lower(said.replace('Value error, ', ''))}; {remedy}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _options(context: Any) -> list[str]:
    return [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")] if context else []


def _option_or_setting(given: str, context: Any) -> str | None:
    """An option that is spelled like it, or the setting of that name."""
    from sdzero_bench.cli.commands.completions import setting_keys
    from sdzero_bench.core.near_misses import meant

    near = difflib.get_close_matches(given, _options(context), n=1, cutoff=0.7)
    if near:
        return f"did you mean {near[0]}?"
    name = given.lstrip("-").replace("-", "_")
    if "--set" not in _options(context):
        return None
    keys = meant(name, [key.rstrip("=") for key in setting_keys("")])
    # What all runs have comes before what one method or task has.
    keys = [key for key in keys if not key.startswith(("method.", "task."))] or keys[:1]
    if not keys:
        return f"see {context.command_path} --help, and `sdzero-bench config show` for settings"
    return "settings are given as " + " or ".join(f"--set {key}=VALUE" for key in keys)


def _option_for(given: str, context: Any) -> str | None:
    """The option that takes this word, if it is the name of a method, task or preset."""
    from sdzero_bench.runs import registry
    from sdzero_bench.runs.config import preset_names

    options = _options(context)
    for option, names in (("--method", registry.methods()), ("--task", registry.tasks()), ("--preset", preset_names())):
        if option in options and given in names:
            return f"did you mean {option} {given}?"
    return None
