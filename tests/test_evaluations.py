"""Policies measured by themselves in a report: listed, labelled with their harness, and never ranked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_records import write_comparison, write_record

from sdzero_bench.report.leaderboard.report_files import Report


def write_evaluation(folder: Path, model: str, accuracy: float, harness: dict[str, Any] | None = None, **more: Any) -> Path:
    """The record of `sdzero-bench eval`; `harness`: its figures."""
    config = {"questions": {"measure_only": True}, "model": {"name": model}}
    run = write_record(folder, "base", 0, accuracy, intervals=False, config=config, **more)
    result, evaluation = (json.loads((run / name).read_text()) for name in ("result.json", "evaluation.json"))
    if harness is not None:
        result["harness"] = "lm-eval 0.4.13"
        evaluation[0]["harness"] = {"results": harness}
    (run / "result.json").write_text(json.dumps(result))
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_comparison(tmp_path / "sweep")
    write_evaluation(tmp_path / "eval-a", "model-a", 0.5)
    write_evaluation(tmp_path / "eval-b", "model-b", 0.99, {"gsm8k": {"exact_match,strict-match": 0.125}})
    return tmp_path


def test_no_rank_changes_by_an_evaluation(folder: Path) -> None:
    with_them, without = Report(folder), Report(folder / "sweep")
    assert [[t.standings for t in board] for board in with_them.boards] == [
        [t.standings for t in board] for board in without.boards
    ]
    assert len(with_them.boards) == 1


def test_they_are_listed_under_the_harness_and_its_version(folder: Path) -> None:
    text = Report(folder).text("md")["README.md"]
    section = text[text.index("## Policies measured by themselves") :]
    rows = [line for line in section.splitlines() if "model-" in line]
    assert "| - | model-a |" in rows[0]
    assert "| lm-eval 0.4.13 | model-b |" in rows[1]
    assert "| lm-eval 0.4.13 | model-b | gsm8k | exact_match,strict-match | 0.1250 |" in section
    assert "Not ranked" in section


def test_they_are_data_too(folder: Path) -> None:
    report = Report(folder)
    measured = json.loads(report.text("json")["leaderboard.json"])["evaluations"]
    assert [(e["policy"], e["harness"]) for e in measured] == [("model-a", None), ("model-b", "lm-eval 0.4.13")]
    csv = report.text("csv")["evaluations.csv"].splitlines()
    assert len(csv) == 3
    assert csv[0].startswith("run_id,task,harness,policy")


def test_a_folder_may_hold_evaluations_alone(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "eval-a", "model-a", 0.5)
    report = Report(tmp_path)
    assert report.boards == []
    written = report.write(tmp_path / "out", ["md", "html", "json", "csv", "latex"])
    assert all(path.is_file() for path in written)
    assert "model-a" in (tmp_path / "out" / "leaderboard.html").read_text()


def test_a_checkpoint_is_named_after_its_run(tmp_path: Path) -> None:
    run = write_evaluation(tmp_path / "eval-a", "/runs/rft-s3/checkpoints/rft", 0.5)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["origin"] = {"run_id": "rft-s3", "checkpoint": "rft", "method": "rft", "seed": 3, "question_set": "0" * 16}
    (run / "manifest.json").write_text(json.dumps(manifest))
    assert "| rft-s3, rft |" in Report(tmp_path).text("md")["README.md"]
