"""A method that cannot be loaded, or that crashes, is one line that names its file, and stops nothing else."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from small_runs import command, finished, run_json, small_run

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.reader import load_run
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.runs import registry
from sdzero_bench.training.method import Method

HEAD = """\
from sdzero_bench.training.method import Method
from sdzero_bench.training.recipe import Phase
from sdzero_bench.training.supervised import Example


class Mine(Method):
    name = {name!r}
    summary = "as it is written"
    paper = "none"
"""
PHASES = """
    def phases(self, questions):
        return [Phase("mine.sample", "sample", questions), Phase("mine", "finetune")]
"""
TRAIN = """
    def train(self, run):
        samples = run.sample("mine.sample", run.base, run.ask(run.questions, 1))
        texts = {s.question_id: s for s in samples}
        examples = [Example(tuple(run.prompt_ids(q)), texts[q.id].token_ids) for q in run.questions]
        return run.finetune("mine", run.base, examples, epochs=1)
"""
METHODS = {
    "whole": HEAD.format(name="whole") + PHASES + TRAIN,
    "misspelled": "def train(run:\n    pass\n",
    "dies": "limits = {}\nlimit = limits['rollouts']\n",
    "leaves": "import sys\nsys.exit(3)\n",
    "needs_more": "import a_package_that_is_not_here\n",
    "without_phases": HEAD.format(name="without_phases") + TRAIN,
    "without_summary": HEAD.format(name="without_summary").replace("    summary", "    about") + PHASES + TRAIN,
    "second_rft": HEAD.format(name="rft") + PHASES + TRAIN,
    "helpers": "from sdzero_bench.methods.rft import RFT\n\n\ndef half(number):\n    return number / 2\n",
    "nameless": HEAD.format(name="x").replace("    name = 'x'\n", "") + PHASES + TRAIN,
}


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of methods."""
    folder = tmp_path_factory.mktemp("plug") / "plugged_methods"
    folder.mkdir()
    for name, text in {"__init__": "", **METHODS}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(autouse=True)
def installed(plugged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `pip install`, for one test."""
    points = [EntryPoint("plugged", plugged.name, registry.METHODS), EntryPoint("gone", "uninstalled:Mine", registry.METHODS)]
    monkeypatch.syspath_prepend(plugged.parent)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point for point in points if point.group == group])
    found = registry._find(registry.METHODS, Method)
    monkeypatch.setattr(registry, "methods", lambda: found)


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("misspelled", "misspelled.py", "line 1: SyntaxError: "),
        ("dies", "dies.py", "line 2: KeyError: 'rollouts'"),
        ("leaves", "leaves.py", "line 2: SystemExit: 3"),
        ("needs_more", "needs_more.py", "line 1: ModuleNotFoundError: No module named 'a_package_that_is_not_here'"),
        ("without_phases", "without_phases.py", "Mine lacks phases"),
        ("without_summary", "without_summary.py", "Mine lacks summary"),
        ("gone", "", "the entry point 'gone': "),
        ("helpers", "helpers.py", "no class in it is derived from Method"),
    ],
)
def test_its_fault_is_said_when_it_is_asked_for(plugged: Path, name: str, file: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        registry.method(name)
    assert said in str(refused.value)
    assert str(plugged / file if file else "") in str(refused.value)


def test_the_others_are_as_before() -> None:
    assert {"whole", "sdzero", "grpo"} <= registry.methods().keys()
    for name in ("whole", "sdzero"):
        assert registry.method(name).name == name


def test_a_built_in_method_whose_name_is_taken_stays_usable() -> None:
    from sdzero_bench.methods.rft import RFT

    assert registry.method("rft") is RFT
    fault = "second_rft.py: the name 'rft' is a built-in method's; choose another"
    assert any(said.endswith(fault) for said in registry.method_faults().values())


def test_the_list_of_methods_says_what_is_left_out(plugged: Path) -> None:
    listed = finished(command("methods"), check=True)
    assert "whole" in listed.stdout
    assert len(listed.stderr.splitlines()) == len(registry.method_faults()) == 10
    assert str(plugged / "nameless.py") in listed.stderr


def test_a_method_that_is_nowhere_may_be_one_that_was_left_out(plugged: Path) -> None:
    with pytest.raises(UserError) as refused:
        registry.method("mispeled")
    assert "misspelled.py, line 1" in str(refused.value)


def test_a_method_that_crashes_leaves_a_failed_run_which_resumes_once_it_is_mended(plugged: Path, tmp_path: Path) -> None:
    cls = registry.method("whole")
    file, train = str(plugged / "whole.py"), cls.train
    line = (
        METHODS["whole"]
        .splitlines()
        .index("        examples = [Example(tuple(run.prompt_ids(q)), texts[q.id].token_ids) for q in run.questions]")
    )

    def crash(run: object) -> None:
        raise RuntimeError("as the test wants it")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train.__globals__, "Example", lambda *_: crash(None))
        done = finished(small_run("whole", tmp_path, "evaluation.revise=false"))
    (folder,) = tmp_path.iterdir()
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert f"{file}, line {line + 1}: RuntimeError: as the test wants it" in said
    assert said.endswith(f"resume with: sdzero-bench run --resume {folder}")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["state"] == "failed"
    assert manifest["failure"] == f"{file}, line {line + 1}: RuntimeError: as the test wants it"
    assert "RuntimeError" in load_run(folder).state_in_words
    report = check_record(folder)
    assert (report.finished, report.findings) == (False, [])

    resumed = run_json(command("run", "--resume", str(folder), "--json"))
    assert resumed["ledger"]["mine.sample"]["samples"] == 16
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["state"], manifest["failure"], len(manifest["sessions"])) == ("finished", None, 2)


def test_nothing_of_the_suite_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for package, base in ((registry.METHODS, Method), (registry.TASKS, registry.Task)):
        registry._find(package, base)
        assert registry._faults[package, base] == {}
