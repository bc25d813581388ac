"""What README.md, CONTRIBUTING.md and docs/ show works: commands parse, settings resolve, blocks load, links lead somewhere."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from sdzero_bench.cli.app import app
from sdzero_bench.questions.task_file import read_task_file
from sdzero_bench.report.reproduce.experiment import named
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import resolve
from sdzero_bench.testing.task_check import check_task

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app).commands
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
CALL = re.compile(r"^(?:\w+=\S+ )*(sdzero-bench .*)$")


class Block(NamedTuple):
    page: str
    language: str
    title: str
    text: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        for language, rest, text in FENCE.findall(page.read_text(encoding="utf-8")):
            title = re.search(r'title="(.*?)"', rest)
            yield Block(str(page.relative_to(ROOT)), language, title[1] if title else "", text)


def of(language: str) -> list[Any]:
    found = [block for block in blocks() if block.language == language]
    return [pytest.param(block, id=f"{block.page}:{block.title or block.text[:20]!r}") for block in found]


def shown_lines() -> Iterator[tuple[str, str]]:
    """(page, line) of every indented block, and of fenced ones for a shell; a line that ends in a backslash goes on."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shell = "".join(body for language, _, body in FENCE.findall(text) if language in ("", "bash", "console", "sh"))
        indented = "\n".join(line[4:] for line in FENCE.sub("", text).splitlines() if line.startswith("    "))
        for line in re.sub(r"\\\n\s*", "", f"{indented}\n{shell}").splitlines():
            yield str(page.relative_to(ROOT)), line.removeprefix("$ ")


def calls() -> list[Any]:
    found = [(page, call[1]) for page, line in shown_lines() if (call := CALL.match(line))]
    return [pytest.param(line, id=f"{page}: {line[:60]}") for page, line in dict.fromkeys(found)]


def parsed(line: str) -> tuple[str, typer.Context]:
    """The command of a line and its arguments, as typer reads them; raises its error for what it would refuse."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: next((i for i, word in enumerate(words) if word in (">", "|", "2>")), len(words))]
    command, name = COMMANDS[words[0]], words.pop(0)
    while getattr(command, "commands", None) and words and words[0] in command.commands:
        command, name = command.commands[words[0]], f"{name} {words.pop(0)}"
    return name, command.make_context(name, words)


@pytest.mark.parametrize("line", calls())
def test_each_command_is_one_that_the_command_line_takes(line: str) -> None:
    name, context = parsed(line)
    if name == "launch":  # whose other options are those of run
        name, context = "run", COMMANDS["run"].make_context("run", context.args)
    given = context.params
    if name in ("run", "plan", "sweep") and not any(given.get(key) for key in ("config", "resume", "check")):
        methods = given["methods"].split(",") if name == "sweep" else [given["method"]]
        tasks = (given.get("tasks") or "").split(",") if name == "sweep" else [given["task"]]
        for method in registry.methods() if methods == ["all"] else set(methods) & registry.methods().keys():
            for task in tasks:
                known = task if task in registry.tasks() else None
                resolve(method, given["preset"], None, given["assign"], given["model"], known)


def test_commands_in_prose_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`sdzero-bench ([a-z]\S*?)(?:[ `])", page.read_text(encoding="utf-8")):
            assert name in COMMANDS, f"{page.name}: sdzero-bench {name}"


def test_make_targets_and_extras_exist() -> None:
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)) | {".venv-vllm"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page, line in shown_lines():
        if made := re.match(r"make ([\w.-]+)", line):
            assert made[1] in targets, f"{page}: {line}"
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"sdzero-bench\[(\w+)\]", text)) <= extras.keys(), page
        assert set(re.findall(r"`make ([\w.-]+)", text)) <= targets, page


@pytest.mark.parametrize("block", of("python"))
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.page, "exec")


def settings(path: Path) -> None:
    resolve(None, file=path)


LOADERS: dict[str, Callable[[Path], object]] = {
    "settings.yaml": settings,
    "task.yaml": read_task_file,
    "experiment.yaml": lambda path: named([str(path)]),
    "questions.jsonl": lambda path: registry.task(f"file:{path}"),
    "responses.jsonl": lambda path: [json.loads(line)["response"] for line in path.read_text().splitlines()],
}
"""What reads a file of that name. A YAML or JSON block has one as its title."""


@pytest.mark.parametrize("block", [*of("yaml"), *of("json")])
def test_files_are_read_by_what_they_are_for(block: Block, tmp_path: Path) -> None:
    assert block.title in LOADERS, f'{block.page}: give the block a title="..." that is one of {", ".join(LOADERS)}'
    path = tmp_path / block.title
    path.write_text(block.text)
    LOADERS[block.title](path)


@pytest.mark.parametrize("block", of("toml"))
def test_toml_loads(block: Block) -> None:
    tomllib.loads(block.text)


def test_no_block_is_in_a_language_that_nothing_here_checks() -> None:
    known = {"", "bash", "console", "sh", "text", "python", "yaml", "json", "toml", "latex"}
    assert [block for block in blocks() if block.language not in known] == []


def test_the_task_of_the_walk_through_passes_its_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [block for block in blocks() if block.page == "docs/own_task.md" and block.language == "python"]
    (tmp_path / "triples.py").write_text(block.text)
    monkeypatch.syspath_prepend(tmp_path)  # verifier processes import it too
    assert check_task(importlib.import_module("triples").Triples) == []


def test_links_lead_to_files() -> None:
    """Those to generated pages are checked when the site is built."""
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for path in re.findall(r"\]\(([^()\s#:]+)(?:#[^()\s]*)?\)", text):
            assert path.startswith("reference/") or (page.parent / path).exists(), f"{page.name}: {path}"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "NO_MKDOCS_2_WARNING": "1"}
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in registry.methods():
        assert (tmp_path / "methods" / f"{name}.html").is_file()
    for name in registry.tasks():
        assert (tmp_path / "tasks" / f"{name}.html").is_file()
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(
            r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"?https?://[^\s\">]*", page.read_text(encoding="utf-8")
        )
        assert [tag for tag in fetched if 'rel="canonical"' not in tag] == [], page
    for style in tmp_path.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8"), style
