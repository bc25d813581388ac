"""Every block of docs/own_data.md does what the page says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from small_runs import command, finished

from sdzero_bench.verifiers.answer_kinds.kind_registry import KINDS

PAGE = (Path(__file__).parent.parent / "docs" / "own_data.md").read_text(encoding="utf-8")
BLOCKS = [
    (section.partition("\n")[0], block)
    for section in PAGE.split("\n## ")
    for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
]
FILE = re.compile(r"cat > (\S+) <<'END'\n(.*?)END\n", re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With all files of the page, since later blocks use those of earlier ones."""
    place = tmp_path_factory.mktemp("own")
    for _, block in BLOCKS:
        for name, content in FILE.findall(block):
            (place / name).write_text(content, encoding="utf-8")
    return place


def marks(block: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.bwrap, pytest.mark.node] if "javascript" in block else []


@pytest.mark.parametrize("block", [pytest.param(block, id=title, marks=marks(block)) for title, block in BLOCKS])
def test_a_block_runs(folder: Path, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (line,) = [text for text in FILE.sub("", block).replace("\\\n", " ").splitlines() if text]
    program, *arguments = shlex.split(line)
    assert program == "sdzero-bench"
    done = finished(command(*arguments, *(["--json", "--set", "verifying.workers=1"] if arguments[0] == "tasks" else [])))
    assert done.returncode == 0, done.stderr
    if arguments[0] == "verify":
        assert [json.loads(verdict)["reward"] for verdict in done.stdout.splitlines()] == [1, 1]
        return
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["gold answers"]["state"] == found["wrong answers"]["state"] == "ok"


def test_every_block_of_the_page_is_run_and_every_kind_is_on_it() -> None:
    assert len(BLOCKS) == PAGE.count("```bash") == PAGE.count("```") / 2
    assert set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)) == set(KINDS)
