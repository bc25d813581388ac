"""Every method and every task, found by walking the registry, keeps what it promises."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from local_tasks import local_task
from rich.console import Console
from small_runs import SMALL, run_json, small_run

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.settings import VerifyingConfig
from sdzero_bench.core.task import Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.proofs.proof import prove
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_method, make_task, resolve

WITHOUT_SOLUTIONS = {"codeforces", "livecodebench"}
"""Their data has tests alone; tests/test_codeforces.py and tests/test_livecodebench.py have programs for a few."""


@pytest.mark.parametrize("name", sorted(registry.tasks()))
def test_every_task_proves_itself(name: str) -> None:
    """As `sdzero-bench tasks check` has it: splits that stay the same and apart, gold answers that earn 1, others 0."""
    task = local_task(name)
    limit = 25 if task.needs_sandbox else None  # the first of each split: each program has a sandbox of its own
    findings = prove(task, VerifyingConfig(timeout_seconds=60), ProgressDisplay(Console(quiet=True)), limit=limit)
    assert [f for f in findings if f.state == "failed"] == []
    sound = {f.check for f in findings if f.state == "ok"}
    assert {"wrong answers", "test questions"} <= sound
    assert ("gold answers" in sound) == (name not in WITHOUT_SOLUTIONS)


@pytest.mark.parametrize("name", sorted(registry.tasks()))
def test_tasks_state_what_they_are(name: str) -> None:
    cls = registry.task(name)
    assert cls.name == name
    assert cls.summary
    assert cls.source
    assert cls.verifier
    assert inspect.getdoc(cls)


@pytest.mark.parametrize("name", sorted(registry.methods()))
def test_methods_state_what_they_are(name: str) -> None:
    cls = registry.method(name)
    assert cls.name == name
    assert cls.summary
    assert cls.paper
    assert inspect.getdoc(cls)
    assert len(inspect.getsource(sys.modules[cls.__module__]).splitlines()) < 300


def asked(folder: Path, phases: str) -> set[str]:
    """Ids of the questions for which these phases drew samples."""
    files = (folder / "journal").glob(phases)
    return {json.loads(line)["question_id"] for file in files for line in file.read_text().splitlines()}


ALIKE = {
    *("cispo", "maxrl", "nsr", "raftpp", "reinforcepp", "format_reward", "inverted_reward", "random_reward"),  # as grpo
    *("antisd", "rlcsd", "sdpg"),  # as rlsd
}
"""Methods that differ from another one in their formula alone, which is tested by itself: their runs are slow tests."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in ALIKE else []) for name in sorted(registry.methods())],
)
def test_every_method_runs_within_its_plan_and_budget(name: str, tmp_path: Path) -> None:
    result = run_json(small_run(name, tmp_path, "evaluation.revise=false"))
    planned = make_method(resolve(name, assignments=SMALL)).plan(16)
    drawn = {phase: use["samples"] for phase, use in result["ledger"].items() if not phase.startswith("evaluation")}
    assert all(drawn.get(phase, 0) <= count for phase, count in planned.items())
    assert sum(drawn.values()) <= result["budget"]["samples"] == 64
    policies = [e["policy"] for e in result["evaluation"]]
    assert policies[0] == "base"
    assert policies[-1] == "final" or name == "base"
    trained = sum(use["backward_tokens"] for use in result["ledger"].values())
    assert (trained > 0) == (name != "base")
    for entry in result["evaluation"]:
        low, high = entry["interval"]
        assert low <= entry["avg_at_k"] <= high
        assert entry["avg_at_k"] <= entry["pass_at_k"]
        assert entry["k"] == 2
        assert entry["truncated"] == 0
    folder = Path(result["folder"])
    for file in ("manifest.json", "ledger.json", "evaluation.json", "summary.md", "learning_curve.png", "learning_curve.svg"):
        assert (folder / file).stat().st_size > 0
    if name == "sdzero":
        first, second = (asked(folder, phases) for phases in ("srt.*.jsonl", "distill.jsonl"))
        assert (len(first), len(second)) == (6, 10)  # 2 : 3
        assert not first & second
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["state"] == "finished"
    assert manifest["supervision"] == make_method(resolve(name, assignments=SMALL)).supervision
    assert manifest["journal"].keys() == {phase for phase, use in result["ledger"].items() if use["samples"]}


def test_a_plug_in_may_be_a_package_with_classes_and_task_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry point names the package, and all in it is found as in tasks/."""
    (tmp_path / "plugged").mkdir()
    (tmp_path / "plugged" / "__init__.py").write_text("")
    (tmp_path / "plugged" / "more.py").write_text(
        "from sdzero_bench.tasks.micro_arith import MicroArith\n\n\nclass More(MicroArith):\n    name = 'more-arith'\n"
    )
    (tmp_path / "plugged" / "sums.yaml").write_text(
        "name: plugged_sums\nsummary: sums\npaper: none\nhub: {name: a/b, splits: {test: test}}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint(name="plugged", value="plugged", group="sdzero_bench.tasks")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    found = registry._find("sdzero_bench.tasks", Task)
    assert found.keys() - registry.tasks().keys() == {"more-arith", "plugged_sums"}
    assert found["plugged_sums"].source == "hub: a/b"
    assert registry._find("sdzero_bench.tasks", TaskFamily).keys() == registry.task_families().keys()


def test_a_task_of_a_family_is_set_as_any_other(tmp_path: Path) -> None:
    config = resolve("base", task="rg:gcd", assignments=["task.config.min_numbers=3", "task.level=1", "task.train=7"])
    assert make_task(config).options.model_dump() == {
        **registry.task("rg:gcd").Options().model_dump(),
        "config": {"min_numbers": 3},
        "level": 1,
        "train": 7,
    }
    with pytest.raises(UserError, match=r"did you mean 'task.config'"):
        resolve("base", task="rg:gcd", assignments=["task.confg=1"])
    file = tmp_path / "q.jsonl"
    file.write_text(json.dumps({"question": "1 + 1?", "answer": "2"}))
    assert make_task(resolve("base", task=f"file:{file}", assignments=["task.test=1.0", "task.validation=0"])).load("test")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gsm8", "did you mean 'gsm8k'"),
        ("rgg:gcd", "did you mean 'rg'"),
        ("x.yaml", "cannot read"),
        ("c30.jsonl", "a file of questions is named file:PATH, here file:c30.jsonl"),
    ],
)
def test_an_unknown_task_is_refused_with_what_is_near(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.task(name)


def test_listing_needs_no_torch() -> None:
    code = (
        "import sys; from sdzero_bench.runs.registry import methods, tasks; methods(); tasks(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
