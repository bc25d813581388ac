"""No honest record is called edited: runs of each kind of task, plain, packed, and read where their files are not at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from local_tasks import options
from record_edits import says
from small_runs import SMALL, command, finished, run_json

from sdzero_bench.records.packing import pack
from sdzero_bench.records.reader import load_runs
from sdzero_bench.report.audit import at_hand
from sdzero_bench.report.audit.audit import AuditReport, check_record
from sdzero_bench.runs import registry
from sdzero_bench.tasks.question_file import _task

FEW = [text for text in SMALL if not text.startswith("task.")]
SUMS = [{"question": f"{i} + {i} = ?", "answer": str(2 * i), "solution": f"{i} twice is {2 * i}."} for i in range(10, 50)]
PROGRAMS = [
    {
        "prompt": f"Write f(a), which adds {i}.",
        "tests": [f"assert f(1) == {1 + i}"],
        "solution": f"def f(a):\n    return a + {i}",
    }
    for i in range(20)
]


def checked(result: dict[str, Any], tmp_path: Path) -> tuple[AuditReport, AuditReport]:
    """The reports on a run and on its packed record."""
    run = Path(result["folder"])
    return check_record(run), check_record(pack(run, tmp_path / "packed"))


MICRO = "package:sdzero_bench.tasks/micro_world/slips"


def measured(task: str, tmp_path: Path, *more: str) -> dict[str, Any]:
    """The base policy on two questions of a task."""
    sizes = ["questions.test=2", "evaluation.max_new_tokens=16", "sampling.batch_size=16", *more]
    settings = [part for text in sizes for part in ("--set", text)]
    where = ["--out", str(tmp_path / "runs"), "--json", "--allow-weaker-sandbox"]
    return run_json(command("eval", MICRO, "--task", task, "--k", "2", *where, *settings))


@pytest.mark.parametrize("name", [*registry.tasks(), "rg:gcd"])
def test_every_task(name: str, tmp_path: Path) -> None:
    given = options(name) if name in registry.tasks() else {}
    result = measured(name, tmp_path, *(f"task.{key}={json.dumps(value)}" for key, value in given.items()))
    run, packed = checked(result, tmp_path)
    assert says(run) == says(packed) == ""
    assert run.notes == packed.notes == []


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With ids that begin at 1 in every file."""
    return [{**row, "id": str(number)} for number, row in enumerate(rows, start=1)]


YAML = """name: own-sums
summary: sums
paper: none
license: MIT
hub: {name: nobody/sums, splits: {train: train}}
held_out: {validation: 4, test: 8}
fields: {question: question, answer: answer, solutions: [solution]}
"""


@pytest.mark.parametrize(
    ("task", "files", "more"),
    [
        ("file:math.jsonl", {"math.jsonl": SUMS}, []),
        ("file:./sub/sums, 2.jsonl", {"sub/sums, 2.jsonl": SUMS}, []),
        ("file:sums", {"sums/train.jsonl": SUMS[:30], "sums/test.jsonl": SUMS[30:]}, []),
        ("file:numbered", {"numbered/train.jsonl": numbered(SUMS[:30]), "numbered/test.jsonl": numbered(SUMS[30:])}, []),
        ("file:programs.jsonl", {"programs.jsonl": PROGRAMS}, []),
        ("./own.yaml", {"rows.jsonl": SUMS}, ["task.path=rows.jsonl"]),
    ],
    ids=["a file", "an odd name", "a folder", "the same ids in both splits", "programs", "a task of YAML"],
)
def test_questions_of_ones_own(
    task: str, files: dict[str, list[dict[str, Any]]], more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the files are at hand, where they have changed since, and where they are elsewhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(YAML)
    for name, rows in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = [part for text in (*FEW, "questions.test=2", *more) for part in ("--set", text)]
    where = ["--out", "runs", "--json", "--allow-weaker-sandbox"]
    result = run_json(command("run", "--method", "sft", "--task", task, *where, *settings))
    for report in checked(result, tmp_path):
        assert says(report) == ""
        assert report.notes == []

    for name in files:
        changed = (tmp_path / name).read_text().replace("Write f", "Write a function f").replace(" = ?", " =?")
        (tmp_path / name).write_text(changed)
    forget_files()
    for report in checked(result, tmp_path):
        assert says(report) == ""
        assert any("perhaps since the file has changed since" in note for note in report.notes), report.notes

    result["folder"] = str(Path(result["folder"]).resolve())
    monkeypatch.chdir("/")
    forget_files()
    for report in checked(result, tmp_path):
        assert says(report) == ""
        assert report.notes


def forget_files() -> None:
    """As a new process does, which reads question files again."""
    _task.cache_clear()
    at_hand._loaded.cache_clear()


@pytest.mark.slow
def test_a_sweep_with_tuning(tmp_path: Path) -> None:
    """Two methods, each with two trials of its own search space: equal numbers, on validation questions, and recorded."""
    settings = [part for text in ("task.train=40", "task.validation=2", "task.test=6", *FEW) for part in ("--set", text)]
    sweep = ["sweep", "--methods", "rft,grpo", "--tasks", "micro-arith", "--seeds", "3,", "--jobs", "1"]
    finished(command(*sweep, "--tune", "--trials", "2", "--out", str(tmp_path / "runs"), *settings), check=True)
    for run in load_runs(tmp_path / "runs"):
        if run.config.evaluation.split == "validation":
            continue
        assert (run.tuning is None) == run.is_base
        assert run.tuning is None or (run.tuning.split, len(run.tuning.trials)) == ("validation", 2)
    page = finished(command("report", str(tmp_path / "runs")), check=True).stdout
    assert "2 trials per method on validation questions" in page
    finished(command("pack", str(tmp_path / "runs"), "--out", str(tmp_path / "packed")), check=True)
    for place in ("runs", "packed"):
        done = finished(command("validate", str(tmp_path / place), "--json"))
        found = json.loads(done.stdout)
        assert [record["findings"] + record["notes"] for record in found["records"]] == [[]] * 7
