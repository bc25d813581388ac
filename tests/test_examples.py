"""Every example of the help texts is a command that the command line takes. Those of README.md and docs/: test_docs.py."""

from __future__ import annotations

import itertools
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sdzero_bench.cli.app import app
from sdzero_bench.cli.commands.executing import next_commands
from sdzero_bench.runs.config import resolve

ROOT = Path(__file__).parents[1]
ROOT_COMMAND = typer.main.get_command(app)
RUN_NAME = re.compile(r"[a-z_]+-[\w-]+-s\d+-\d{8}-\d{6}")
"""Of a run's folder: method or eval, task, seed, time. `runs/NAME` in an example has to be like that, as a reader's is."""


def commands(
    group: typer.core.TyperGroup = ROOT_COMMAND, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """All commands with their names."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


COMMANDS = {" ".join(path): command for path, command in commands()}


def of_help() -> Iterator[tuple[str, str]]:
    """(command, example) of the help texts."""
    for name, command in COMMANDS.items():
        shown = (command.help or "").replace("\\[", "[")  # which is not to be taken for markup
        for line in _joined(textwrap.dedent(shown)):
            yield from ((name, part) for part in _parts(line))


def _joined(text: str) -> list[str]:
    return re.sub(r"\s*\\\n\s*", " ", text).splitlines()


def _parts(line: str) -> Iterator[str]:
    """The commands of a line, without what comes before or after them in a pipe."""
    for part in re.split(r" [|&>] | && | 2?> ", line.split("  #")[0]):
        if (found := part.strip()).startswith("sdzero-bench "):
            yield found


def parsed(example: str) -> tuple[str, dict[str, object]]:
    """The command of an example and its options, as they are parsed. Raises for what the command line would refuse."""
    words = shlex.split(example)[1:]
    command, name = ROOT_COMMAND, []
    while hasattr(command, "commands") and words and words[0] in command.commands:
        name.append(words[0])
        command = command.commands[words.pop(0)]
    assert name, f"no such command: {example}"
    with command.make_context(" ".join(name), list(words)) as context:
        if name == ["launch"]:  # the other options are those of `run`
            return parsed(shlex.join(["sdzero-bench", "run", *context.args]))
        return " ".join(name), context.params


EXAMPLES = sorted(set(of_help()))


def test_examples_are_found() -> None:
    with_examples = {name for name, _ in EXAMPLES}
    assert {"run", "eval", "sweep", "report", "compare", "inspect", "serve", "config show", "tasks check"} <= with_examples


@pytest.mark.parametrize("example", sorted({example for _, example in EXAMPLES}))
def test_it_is_parsed_and_its_settings_exist(example: str) -> None:
    name, options = parsed(example)
    settings = [text for text in options.get("assign") or () if not text.startswith("against.")]
    if name in ("run", "plan", "sweep", "reproduce") and not options.get("resume") and not options.get("config"):
        method = options.get("method") or "sdzero"
        method = "rft" if method == "my_method" else method  # which `new method` has written
        resolve(method, options.get("preset"), assignments=settings, task=options.get("task"))


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_its_runs_are_named_like_runs(name: str, example: str) -> None:
    for folder in re.findall(r"(?<![\w/])runs/([^/\s]+)", example):
        if "-" in folder:  # a folder of runs has no time in its name
            assert RUN_NAME.fullmatch(folder), example


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_what_it_reads_is_committed(name: str, example: str) -> None:
    words = shlex.split(example)
    read = [word for before, word in itertools.pairwise(words) if word.startswith("results/") and before != "--out"]
    for path in read:
        if path not in {"pack": ["results/mine"], "submit": ["results/submissions"]}.get(name, []):  # these write them
            assert list(ROOT.glob(path)), example


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_its_text_whole(name: str) -> None:
    """No bracket is taken for markup, in the description or in what is said of an option."""
    command = COMMANDS[name]
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "400", "TERM": "dumb"}).stdout
    shown = "".join(shown.split())
    for line in (command.help or "").splitlines():
        assert "".join(line.replace("\\[", "[").split()) in shown
    for parameter in command.params:
        said = getattr(parameter, "help", None) or ""
        assert "".join(said.replace("\\[", "[").split()) in shown


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_fits_a_terminal_of_80_columns(name: str) -> None:
    """Names of options are whole, and no example is broken where a reader would copy it."""
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80", "TERM": "dumb"}).stdout
    assert "…" not in shown
    for parameter in COMMANDS[name].params:
        for option in getattr(parameter, "opts", []):
            assert not option.startswith("--") or re.search(rf"{option}(?![\w-])", shown), option
    first, *rest = textwrap.dedent(COMMANDS[name].help or "").split("\n\n")
    assert "\n" not in first  # it is wrapped; the lines of the others are shown as they are
    for line in "\n".join(rest).splitlines():
        assert len(line) <= 78, line


def test_what_a_finished_run_suggests_is_taken_too() -> None:
    for all_right in (False, True):
        lines = next_commands("my runs/rft-micro-arith-s0-20260101-120000", all_right).splitlines()
        taken = [parsed(line.strip().split("  #")[0]) for line in lines]
        assert [name for name, _ in taken] == ["inspect", "report", "compare"]
        assert taken[0][1]["wrong"] is not all_right
