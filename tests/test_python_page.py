"""docs/python.md and docs/notebooks: every block and every cell runs, and what is written there is what comes out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools.python_page import NOTEBOOKS, PAGE, ROOT, executed, with_columns

FIRST_RUN, COMPARED = "first_run", "compare_methods"


def test_every_block_of_the_page_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("Agg")
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) > 8
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert (tmp_path / "leaderboard.tex").read_text().count("tabular") == 2
    assert len(list((tmp_path / "runs").iterdir())) == 4


def test_the_page_shows_the_columns_as_they_are() -> None:
    assert with_columns(PAGE.read_text()) == PAGE.read_text()


def outputs(notebook: Any) -> list[list[str]]:
    """The text of each cell's outputs; not its pictures, which other fonts and processors draw otherwise."""
    found = []
    for cell in notebook.cells:
        shown = [output.get("text") or output.get("data", {}) for output in cell.get("outputs", [])]
        found.append([text if isinstance(text, str) else text.get("text/html", text.get("text/plain", "")) for text in shown])
    return found


@pytest.mark.parametrize("name", [pytest.param(FIRST_RUN, marks=pytest.mark.slow), COMPARED])
def test_a_notebook_runs_from_its_first_cell_to_its_last(name: str) -> None:
    (path,) = [path for path in NOTEBOOKS if path.stem == name]
    committed, again = nbformat.read(path, as_version=4), executed(path)
    kinds = [
        [output["output_type"] for cell in notebook.cells for output in cell.get("outputs", [])]
        for notebook in (committed, again)
    ]
    assert kinds[0] == kinds[1]
    assert "stream" not in {
        output.get("name") for cell in again.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"
    }
    if name == COMPARED:  # from committed records; the other one trains, and rounding differs between processors
        assert outputs(committed) == outputs(again)


def test_notebooks_are_committed_with_outputs_and_without_paths_of_a_machine() -> None:
    assert {path.stem for path in NOTEBOOKS} == {FIRST_RUN, COMPARED}
    for path in NOTEBOOKS:
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
        assert all(cell["outputs"] for cell in cells)
        assert not re.search(r"/(tmp|home|root|work|usr|Users|var)/", json.dumps([cell["outputs"] for cell in cells]))


def test_type_checkers_see_the_names_that_are_imported_on_first_use(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(
        "import sdzero_bench as sdz\n"
        'reveal_type(sdz.load("runs"))\n'
        'reveal_type(sdz.run("rft"))\n'
        'reveal_type(sdz.methods["rft"])\n'
        'reveal_type(sdz.load("runs").compare("rft", "grpo").decision)\n'
    )
    large = ["torch", "transformers", "trl", "accelerate", "datasets", "pandas", "matplotlib", "scipy", "numpy"]
    large += [f"sdzero_bench.{room}" for room in ("report", "runs", "verifiers", "policies", "questions")]
    (tmp_path / "mypy.ini").write_text("[mypy]\n" + "".join(f"[mypy-{name}.*]\nfollow_imports = skip\n" for name in large))
    arguments = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "user.py"]
    said = subprocess.run(arguments, cwd=tmp_path, env={"MYPYPATH": str(ROOT)}, capture_output=True, text=True).stdout
    revealed = re.findall(r'Revealed type is "(.*)"', said)
    assert len(revealed) == 4, said
    assert revealed[0].endswith(".Records")
    assert revealed[1].endswith(".Record")
    assert "Method" in revealed[2]
    assert "Literal" in revealed[3]
