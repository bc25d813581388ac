"""What is committed under results/ follows from its own records, and README.md and docs/ quote it to the letter."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from record_edits import says
from small_runs import command, finished

from sdzero_bench.records.compressed import compressed
from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.record_files import read_manifest, read_result
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.report.audit.check_leaderboard import check_leaderboard
from sdzero_bench.runs.registry import methods
from tools.micro_model.calibration import outside
from tools.readme_tables import BLOCKS, PAGES, filled

ROOT = Path(__file__).parent.parent
MICRO = ROOT / "results" / "micro"
SLIPS = ROOT / "results" / "slips"
TUNED = ROOT / "results" / "tuned"
CODER = ROOT / "results" / "coder"
BOARDS = (MICRO, SLIPS, TUNED, CODER)


def test_the_leaderboard_and_every_sixteenth_record_follow_from_their_journals() -> None:
    for board in BOARDS:
        assert list(check_leaderboard(board)) == [], board
    for folder in run_folders(ROOT / "results")[::16]:
        assert says(check_record(folder)) == "", folder


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_committed_figure_follows_from_its_journal() -> None:
    done = finished(command("validate", str(ROOT / "results"), "--json"))
    found = json.loads(done.stdout)
    assert found["findings"] == 0, done.stdout[:3000]
    assert done.returncode == 0
    assert {str(board) for board in BOARDS} <= set(found["leaderboards"])


def test_a_file_that_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    """The record has a learning curve, whose phases are named by evaluation.json."""
    folder = next(path for path in run_folders(SLIPS) if path.name.startswith("rft-micro-arith-s0"))
    shutil.copytree(folder, tmp_path / "rft")
    shutil.copytree(SLIPS / "question_sets", tmp_path / "question_sets")
    (tmp_path / "rft" / "evaluation.json.xz").write_bytes(compressed("{"))
    (finding,) = check_record(tmp_path / "rft").findings
    assert str(finding).startswith("evaluation.json: is not JSON")


@pytest.mark.parametrize(("board", "world"), [(MICRO, "habits"), (SLIPS, "slips")])
def test_the_base_of_a_board_is_the_base_that_was_calibrated(board: Path, world: str) -> None:
    calibrated = json.loads((ROOT / "tasks" / "micro_world" / world / "calibration.json").read_text())
    bases = [load_run(folder) for folder in run_folders(board) if folder.name.startswith("base-")]
    assert {run.task for run in bases} == set(calibrated)
    for run in bases:
        entry, said = run.evaluation[0], calibrated[run.task]
        assert (entry.avg_at_k, entry.pass_at_k) == pytest.approx((said["avg"], said["pass"]))
    if world == "habits":
        assert all(outside(found) == [] for found in calibrated.values())


def declared() -> dict[str, set[str]]:
    """The methods of the committed leaderboard, by task: those that were there when it was made."""
    boards = json.loads((MICRO / "leaderboard.json").read_text())["boards"]
    return {table["task"]: {row["method"] for row in table["methods"]} for board in boards for table in board["tables"]}


CORE = {"sft", "rft", "rest_em", "grpo", "rloo", "sdft", "srt", "sdzero"}
"""The methods with 5 seeds on the leaderboard; all others have 3."""


def test_the_leaderboard_has_every_method_on_its_seeds_of_both_tasks() -> None:
    assert CORE < declared()["micro-arith"] == declared()["micro-code"] <= methods().keys()
    rows: dict[str, dict[str, list[int]]] = {"micro-arith": {}, "micro-code": {}}
    for folder in run_folders(MICRO):
        result = read_result(folder)
        if result.budget.questions == 1000:
            rows[result.task].setdefault(result.method, []).append(result.seed)
        if result.method in CORE:  # the others ran beside other work
            threads = read_manifest(folder).hardware.torch_threads
            assert threads * sum(use.wall_seconds for use in result.ledger.values()) < 480, folder.name
    for task, seeds_of in rows.items():
        assert seeds_of.keys() == declared()[task]
        assert seeds_of.pop("base") == [0]
        for method, seeds in seeds_of.items():
            assert sorted(seeds) == list(range(5 if method in CORE else 3)), method


@pytest.mark.parametrize(("board", "seeds", "trials"), [(SLIPS, 3, 0), (TUNED, 5, 8)])
def test_the_other_boards_have_the_same_core_methods(board: Path, seeds: int, trials: int) -> None:
    """On both tasks, the base once, and each method on its seeds and with as many trials as any other."""
    found: dict[bool, Counter[tuple[str, str]]] = {True: Counter(), False: Counter()}
    for folder in run_folders(board):
        result = read_result(folder)
        found[folder.parent.name == "tuning"][result.task, result.method] += 1
    tasks = declared()
    assert found[False] == Counter(
        {(task, method): 1 if method == "base" else seeds for task in tasks for method in {"base", *CORE}}
    )
    assert +found[True] == +Counter({(task, method): trials for task in tasks for method in CORE})


def test_what_pages_say_of_the_records_between_markers_is_what_the_records_say() -> None:
    """`make readme` changes nothing: each block is regenerated byte for byte, and none is left out."""
    shown: set[str] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        emptied = re.sub(r"(<!-- begin: [\w-]+ -->\n).*?(<!-- end)", r"\1\2", text, flags=re.DOTALL)
        assert filled(emptied) == text, page.name
        shown |= set(re.findall(r"<!-- begin: ([\w-]+) -->", text))
    assert shown == BLOCKS.keys()


def table_of(text: str, start: str) -> str:
    """The first table whose first line begins so."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(start))
    return "\n".join(itertools.takewhile(lambda line: line.startswith("|"), lines[first:]))


@pytest.mark.parametrize(
    ("folder", "starts"),
    [("coder", ["| rank |", "| pair |", "| method | samples |"]), ("harnesses", ["| task |", "| harness |"])],
)
def test_a_page_of_records_quotes_their_report(folder: str, starts: list[str]) -> None:
    done = finished(command("report", str(ROOT / "results" / folder)), check=True)
    page = (ROOT / "results" / folder / "README.md").read_text()
    for start in starts:
        assert table_of(done.stdout, start) in page


def test_the_papers_tables_and_claims_follow_from_the_records(tmp_path: Path) -> None:
    """Also where runs are still missing: then the committed pages say so, and the exit code does."""
    results = ROOT / "results"
    reused = [part for folder in (MICRO, SLIPS) for part in ("--reuse", str(folder))]
    where = ["--no-runs", "--runs", str(results / "records"), *reused, "--out", str(tmp_path)]
    done = finished(command("reproduce", "all", "--beside", "micro-slips", *where))
    complete = not any("has finished yet" in page.read_text() for page in (results / "tables").glob("*.md"))
    assert done.returncode == (0 if complete else 1), done.stderr
    made = [path for path in sorted(tmp_path.rglob("*")) if path.suffix in (".md", ".csv", ".json", ".tex")]
    assert len(made) > 80
    for path in made:
        assert path.read_bytes() == (results / path.relative_to(tmp_path)).read_bytes(), path.name


def test_a_report_shows_the_experiments_that_its_records_are_enough_for() -> None:
    done = finished(command("report", str(MICRO), "--experiments", "--format", "json,md"), check=True)
    shown = {line.removeprefix("## ").partition(":")[0] for line in done.stdout.splitlines() if line.startswith("## ")}
    assert {"Table 3", "Table 7", "Figure 3", "Figure 6"} <= shown
    assert not {"Table 1", "Table 9"} & shown  # which need runs of one epoch, and revisions


def test_bookkeeping_costs_little_beside_sampling() -> None:
    costs = json.loads((ROOT / "results" / "costs_at_scale.json").read_text())
    assert max(row["share_of_sampling_percent"] for row in costs["journal"]) < 2


def test_the_benchmark_of_bookkeeping_measures_journal_and_report(tmp_path: Path) -> None:
    out = tmp_path / "costs.json"
    benchmark = [sys.executable, str(ROOT / "benchmarks" / "costs_at_scale.py")]
    subprocess.run([*benchmark, "--samples", "10", "--records", "5", "--json", str(out)], check=True)
    costs = json.loads(out.read_text())
    assert [row["samples"] for row in costs["journal"]] == [10]
    assert costs["report"]["records"] == 5
    assert min(costs["journal"][0]["journal_ms_a_sample"], costs["report"]["seconds"]) > 0
