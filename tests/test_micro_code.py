"""The second micro task: programs are run, the tier that ran them is recorded, and every kind of method learns from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_runs import command, finished, run_json, small_run

from sdzero_bench.tasks.micro_code import MicroCode
from sdzero_bench.verifiers.pool import VerifierPool
from sdzero_bench.verifiers.sandbox import find_sandbox

pytestmark = pytest.mark.bwrap

CODE = "task.name=micro-code"


def test_gold_programs_pass_and_other_questions_programs_do_not() -> None:
    task = MicroCode(MicroCode.Options(train=1, validation=1, test=40))
    task.sandbox = find_sandbox()
    questions = list(task.load("test"))
    others = [*questions[1:], questions[0]]
    with VerifierPool(task) as pool:
        gold = pool.verify([(q, q.answer) for q in questions])
        shown = pool.verify([(q, task.demonstration(q)) for q in questions])
        swapped = pool.verify([(q, other.answer) for q, other in zip(questions, others, strict=True)])
    assert all(v.reward == 1 and v.tests and v.tests.passed == 8 for v in [*gold, *shown])
    wrong = [v for v in swapped if v.reward == 0]
    # "Sort the list, return the first one" is right where the smallest is asked for.
    assert len(wrong) >= len(questions) - 2
    assert all(v.tests and v.tests.outcome in ("wrong answer", "exception") for v in wrong)


@pytest.mark.parametrize("method", ["sdzero", *(pytest.param(name, marks=pytest.mark.slow) for name in ("grpo", "sdft"))])
def test_methods_of_every_kind_run_on_it(tmp_path: Path, method: str) -> None:
    """On verified samples, on groups of them, on gold programs."""
    result = run_json(small_run(method, tmp_path, CODE))
    folder = Path(result["folder"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sandbox"]["tier"] == 1
    assert result["sandbox"] == manifest["sandbox"]["name"] == "tier 1 (bubblewrap, seccomp)"
    assert all(use["verifier_failures"] == 0 for use in result["ledger"].values())
    for path in (folder / "journal").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            verdict = json.loads(line)["verdict"]
            assert verdict["answer"] is None
            assert (verdict["tests"]["passed"] == 8) == (verdict["reward"] == 1)


def test_its_record_can_be_verified_again_and_inspected(tmp_path: Path) -> None:
    result = run_json(small_run("base", tmp_path, CODE))
    again = finished(command("validate", result["folder"], "--reverify"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "cannot be verified again" not in again.stdout
    journal = Path(result["folder"], "journal", "evaluation.base.jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text().splitlines()]
    shown = finished(command("inspect", result["folder"], "--json"), check=True).stdout
    counts = json.loads(shown)["phases"]["evaluation.base"]
    assert sum(counts.values()) == len(rows)
    # An edited reward no longer follows from the program.
    rows[0]["verdict"]["reward"] = 1.0 - rows[0]["verdict"]["reward"]
    journal.write_text("".join(json.dumps(row) + "\n" for row in rows))
    edited = finished(command("validate", result["folder"], "--reverify"))
    assert edited.returncode == 1
