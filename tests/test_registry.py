"""Every method and every task, found by walking the registry, keeps what it promises."""

from __future__ import annotations

import inspect
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, run_json, small_run

from sdzero_bench import registry
from sdzero_bench.config import make_method, resolve
from sdzero_bench.errors import UserError
from sdzero_bench.method import Method
from sdzero_bench.task import Task
from sdzero_bench.verifying.pool import VerifierPool


@pytest.fixture(scope="session")
def task_options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Local data for the tasks that otherwise load from the hub, in the fields of the original."""
    folder = tmp_path_factory.mktemp("gsm8k")
    rows = [
        {"question": f"Tom has {i} apples and buys {1000 + i}. How many?", "answer": f"{i}+{1000 + i}\n#### {1000 + 2 * i:,}"}
        for i in range(30)
    ]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows[:20])))
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows[20:])))
    return {"gsm8k": {"path": str(folder), "validation": 5}}


@pytest.fixture(params=sorted(registry.tasks()))
def task(request: pytest.FixtureRequest, task_options: dict[str, dict[str, Any]]) -> Task:
    cls = registry.task(request.param)
    return cls(cls.Options(**task_options.get(request.param, {})))


def test_splits_are_the_same_each_time_and_do_not_overlap(task: Task) -> None:
    sets = {split: task.load(split) for split in ("train", "validation", "test")}
    for split, questions in sets.items():
        assert questions.fingerprint == task.load(split).fingerprint
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert sets[one].overlap(sets[other]) == []
        assert not {q.id for q in sets[one]} & {q.id for q in sets[other]}


def test_every_gold_answer_verifies_and_every_tampered_one_fails(task: Task) -> None:
    rng = random.Random(0)
    with VerifierPool(task) as pool:
        for split in ("train", "validation", "test"):
            questions = list(task.load(split))
            gold = pool.verify([(q, rf"\boxed{{{q.answer}}}") for q in questions])
            assert [v.reward for v in gold] == [1.0] * len(questions)
            tampered = [(q, rf"\boxed{{{int(q.answer) + rng.choice([-10, -1, 1, 10])}}}") for q in questions]
            assert [v.reward for v in pool.verify(tampered)] == [0.0] * len(questions)


def test_demonstrations_end_in_the_gold_answer(task: Task) -> None:
    questions = list(task.load("validation"))
    with VerifierPool(task) as pool:
        verdicts = pool.verify([(q, task.demonstration(q) or "") for q in questions])
    assert [v.reward for v in verdicts] == [1.0] * len(questions)


@pytest.mark.parametrize("name", sorted(registry.methods()))
def test_methods_state_what_they_are(name: str) -> None:
    cls = registry.method(name)
    assert cls.name == name
    assert cls.summary
    assert cls.paper
    assert inspect.getdoc(cls)
    assert len(inspect.getsource(sys.modules[cls.__module__]).splitlines()) < 250


def asked(folder: Path, phases: str) -> set[str]:
    """Ids of the questions for which these phases drew samples."""
    files = (folder / "journal").glob(phases)
    return {json.loads(line)["question_id"] for file in files for line in file.read_text().splitlines()}


@pytest.mark.parametrize("name", sorted(registry.methods()))
def test_every_method_runs_within_its_plan_and_budget(name: str, tmp_path: Path) -> None:
    result = run_json(small_run(name, tmp_path))
    planned = make_method(resolve(name, assignments=SMALL)).plan(40)
    drawn = {phase: use["samples"] for phase, use in result["ledger"].items() if not phase.startswith("evaluation")}
    assert all(drawn.get(phase, 0) <= count for phase, count in planned.items())
    assert sum(drawn.values()) <= result["budget"]["samples"] == 160
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
        assert (len(first), len(second)) == (16, 24)  # 2 : 3
        assert not first & second
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["state"] == "finished"
    assert manifest["supervision"] == make_method(resolve(name, assignments=SMALL)).supervision
    assert manifest["journal"].keys() == {phase for phase, use in result["ledger"].items() if use["samples"]}


def test_two_classes_of_one_name_are_refused() -> None:
    class Twin(registry.method("rft")):  # type: ignore[misc]
        """Another of the same name."""

    found: dict[str, type[Method]] = {"rft": registry.method("rft")}
    with pytest.raises(UserError, match="taken twice"):
        registry._add(found, Twin)


def test_listing_needs_no_torch() -> None:
    code = "import sys; from sdzero_bench import registry; registry.methods(); registry.tasks(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
