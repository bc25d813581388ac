"""Which runs are read, and which of them stand in one table."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from synthetic_records import only_table, write_comparison, write_record

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.reader import load_runs
from sdzero_bench.report.leaderboard.efficiency import curve
from sdzero_bench.report.leaderboard.report_files import FORMATS, Report


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return write_comparison(tmp_path / "runs")


def labels(report: Report) -> list[list[list[str]]]:
    return [[[s.label for s in table.standings] for table in board] for board in report.boards]


def test_unfinished_runs_are_listed_and_never_ranked(runs: Path) -> None:
    write_record(runs / "late", "rft", 7, 0.99, state="running")
    text = Report(runs).text("md")["README.md"]
    assert "late is unfinished (state: running)" in text
    assert [run.seed for run in only_table(runs).group.row("rft").runs] == [0, 1, 2]


def test_a_run_found_twice_is_said_and_counted_once(runs: Path) -> None:
    before = only_table(runs).standings
    shutil.copytree(runs / "rft-s1", runs / "copies" / "rft-s1")
    write_record(runs / "again", "rft", 2, 0.60)
    text = Report(runs).text("md")["README.md"]
    assert "The run in runs/rft-s1 is the same as that in copies/rft-s1 (method" in text
    assert re.search(r"runs/(rft-s2 is the same as that in runs/again|again is the same as that in runs/rft-s2) ", text)
    assert [s.avg for s in only_table(runs).standings] == [s.avg for s in before]
    write_record(runs / "copies" / "srt-s1", "srt", 4, 0.60)
    assert "2 runs with different seeds, options or conditions share the id srt-s1" in Report(runs).text("md")["README.md"]


def test_a_board_of_validation_runs_says_so(runs: Path, tmp_path: Path) -> None:
    assert "validation" not in Report(runs).text("md")["README.md"]
    for seed in range(2):
        write_record(tmp_path / "v" / f"s{seed}", "rft", seed, 0.7, config={"evaluation": {"split": "validation"}})
    text = Report(tmp_path / "v").text("md")["README.md"]
    assert re.search(r"Measured on \d+ validation questions, and not on test questions", text)


def test_the_base_alone_is_a_leaderboard_of_one(tmp_path: Path) -> None:
    write_record(tmp_path / "base", "base", 0, 0.4)
    assert labels(Report(tmp_path)) == [[["base"]]]
    assert len(Report(tmp_path).write(tmp_path / "out", FORMATS)) == 10


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("result.json", lambda text: text[:-9], "result.json' is not JSON"),
        ("result.json", None, "result.json' is missing"),
        ("manifest.json", lambda text: text.replace('"test_set"', '"tost_set"'), "manifest.json': test_set: field required"),
        (
            "evaluation.json",
            lambda text: text.replace('"maj":', '"m":'),
            "evaluation.json': 0.per_question.maj: field required",
        ),
        ("result.json", lambda text: text.replace('"ledger"', '"l"'), "result.json': ledger: field required"),
    ],
)
def test_a_damaged_record_is_named(runs: Path, name: str, change: Any, message: str) -> None:
    path = runs / "srt-s0" / name
    path.write_text(change(path.read_text())) if change else path.unlink()
    with pytest.raises(UserError, match=re.escape(message)):
        load_runs(runs)


def test_a_record_that_lacks_a_setting_is_named(runs: Path) -> None:
    path = runs / "srt-s0" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["config"]["model"]["name"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"manifest.json': config.model.name: field required"):
        Report(runs)


def test_a_finished_run_without_its_manifest_is_not_left_out_in_silence(runs: Path) -> None:
    (runs / "rft-s0" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"rft-s0' has a result.json but no manifest.json; restore that"):
        Report(runs)


def test_folders_without_a_finished_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run below"):
        Report(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        Report(tmp_path / "nowhere")
    write_record(tmp_path / "a", state="running")
    with pytest.raises(UserError, match="no finished run, but 1 unfinished one; resume"):
        Report(tmp_path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"optimizer": {"learning_rate": 1e-3}}, "optimizer learning rate 0.001"),
        ({"sampling": {"temperature": 0.7}}, "sampling temperature 0.7"),
        ({"evaluation": {"seed": 5}}, "evaluation seed 5"),
        ({"model": {"name": "other"}}, "model name other"),
        ({"method": {"name": "rft", "learning_rate": 1e-3}}, "own learning rate (rft) 0.001"),
        ({"task": {"max_terms": 9}}, "task max terms 9"),
        ({"budget": {"samples_per_question": 8}}, "budget samples per question 8"),
        ({"budget": {"training_tokens": 5000}}, "budget training tokens 5000"),
    ],
)
def test_runs_under_other_conditions_are_never_ranked_together(runs: Path, config: dict, said: str) -> None:
    write_record(runs / "other", "rft", 0, 0.99, config=config)
    report = Report(runs)
    assert len(report.boards) == 2
    rows = [row for (table,) in report.boards for row in table.group.rows if row.label.startswith("rft")]
    assert sorted(len(row.runs) for row in rows) == [1, 3]
    assert re.search(rf"^## micro-arith \(.*{re.escape(said)}.*\)$", report.text("md")["README.md"], re.MULTILINE)


def test_runs_that_sampled_in_another_data_type_are_never_ranked_together(runs: Path) -> None:
    """Records that do not say sampled in the data type of their weights; so did runs that say so."""
    write_record(runs / "other", "rft", 0, 0.99)
    write_record(runs / "same", "rft", 3, 0.6)
    for name, dtype in (("other", "bfloat16"), ("same", "float32")):
        path = runs / name / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "sampling_dtype": dtype}))
    report = Report(runs)
    rows = [row for (table,) in report.boards for row in table.group.rows if row.label.startswith("rft")]
    assert sorted(len(row.runs) for row in rows) == [1, 4]
    assert re.search(r"^## micro-arith \(.*engine dtype bfloat16.*\)$", report.text("md")["README.md"], re.MULTILINE)


@pytest.mark.parametrize("what", [{"questions": 39}, {"train": 11}], ids=["test set", "question set"])
def test_runs_on_other_questions_are_never_ranked_together(runs: Path, what: dict) -> None:
    write_record(runs / "other", "rft", 0, 0.99, **what)
    assert len(Report(runs).boards) == 2
    for board in Report(runs).boards:
        for table in board:
            rows = table.group.rows
            assert len({run.manifest.question_set for row in rows if not row.is_base for run in row.runs}) == 1
            assert len({run.manifest.test_set for row in rows for run in row.runs}) == 1
            assert table.group.parts == ()


def test_what_decides_no_figure_keeps_nobody_apart(runs: Path) -> None:
    write_record(
        runs / "more", "rft", 3, 0.6, config={"evaluation": {"revise": True, "base": True}, "model": {"device": "cpu"}}
    )
    assert len(only_table(runs).group.row("rft").runs) == 4


def test_tuned_and_shared_settings_are_apart_and_the_base_joins_both(runs: Path) -> None:
    trials = [{"values": {"optimizer.learning_rate": v}, "avg_at_k": 0.6, "run_id": "t", "samples": 40} for v in (1e-4, 2e-4)]
    for method, chosen in (("rft", 1e-4), ("srt", 2e-4)):
        tuning = {"grid": {"optimizer.learning_rate": [1e-4, 2e-4]}, "split": "validation", "trials": trials}
        tuning["chosen"] = {"optimizer.learning_rate": chosen}
        write_record(runs / f"tuned-{method}", method, 0, 0.7, config={"optimizer": {"learning_rate": chosen}}, tuning=tuning)
    write_record(runs / "tuning" / "trial", "rft", 0, 0.7, config={"evaluation": {"split": "validation"}})
    report = Report(runs)
    assert sorted(sorted(board[0]) for board in labels(report)) == [["base", "rft", "sdzero", "srt"], ["base", "rft", "srt"]]
    text = report.text("md")["README.md"]
    assert (
        "Settings: those that each method, or the preset for it, declares, and one optimizer for all; tuned for none." in text
    )
    assert "tuned over optimizer.learning_rate in [0.0001, 0.0002], 2 trials per method" in text
    assert "samples of tuning trials" in text
    assert "1 run on validation questions" in text


def test_variants_of_a_method_are_rows_named_by_what_differs(runs: Path) -> None:
    """`all` is the default of rft's `keep`; other options are the same and not named."""
    write_record(runs / "one", "rft", 0, 0.6, options={"keep": "one", "samples": 4})
    assert {row.label for row in only_table(runs).group.rows} == {"base", "rft", "rft (keep=one)", "sdzero", "srt"}


def test_tasks_are_columns_and_their_mean_needs_all_of_them(runs: Path) -> None:
    for seed in range(3):
        write_record(runs / f"other-rft-s{seed}", "rft", seed, 0.5, config={"task": {"name": "gsm8k"}}, questions=30)
    write_record(runs / "other-base", "base", 0, 0.4, config={"task": {"name": "gsm8k"}}, questions=30)
    report = Report(runs)
    assert [[table.group.task for table in board] for board in report.boards] == [["gsm8k", "micro-arith"]]
    data = json.loads(report.text("json")["leaderboard.json"])
    means = data["boards"][0]["overall"]
    each = [next(m["avg"]["mean"] for m in t["methods"] if m["method"] == "rft") for t in data["boards"][0]["tables"]]
    assert means["rft"] == pytest.approx(sum(each) / 2)
    assert means["sdzero"] is None
    assert "| method | mean (%) | gsm8k avg@4 (%) | micro-arith avg@4 (%) |" in report.text("md")["README.md"]


def test_parts_of_the_budget_are_one_compact_table_and_points_of_the_curve(runs: Path) -> None:
    for seed in range(3):
        write_record(runs / f"half-s{seed}", "rft", seed, 0.5, train=5, config={"questions": {"train": 5}})
    report = Report(runs)
    assert len(report.boards) == 1
    text = report.text("md")["README.md"]
    assert text.count("| rank |") == 1
    assert "| method | 5 questions | 10 questions |" in text
    points = curve(only_table(runs), "rft")
    assert [(point.samples, point.policy) for point in points] == [(0, "base"), (20, "final"), (40, "final")]
    assert points[0].avg.mean < points[1].avg.mean
