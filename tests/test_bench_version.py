"""Records of one major bench version are ranked together, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from record_edits import says
from synthetic_records import only_table, write_record
from test_reproduce import EXPERIMENT, cells_of

from sdzero_bench.core.bench_version import BENCH_VERSION, UNVERSIONED, in_order, major
from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.records.reader import load_run
from sdzero_bench.records.record_files import read_manifest, read_result
from sdzero_bench.report.audit.audit import check_record
from sdzero_bench.report.leaderboard.comparison import compare_runs
from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.report.reproduce.experiment_notes import said
from sdzero_bench.report.reproduce.row_figures import measure
from sdzero_bench.report.reproduce.shelf import Shelf
from sdzero_bench.runs.config import resolve
from sdzero_bench.runs.resuming import resume_session
from sdzero_bench.runs.sweep.grid import planned

NEXT_MAJOR = f"{major(BENCH_VERSION) + 1}.0"


def of_version(record: Path, version: str | None) -> Path:
    """The record as one of that version; None: from before there was one."""
    for name in ("manifest.json", "result.json"):
        if (record / name).is_file():
            content = json.loads((record / name).read_text())
            content.pop("bench_version")
            (record / name).write_text(json.dumps(content if version is None else {"bench_version": version, **content}))
    return record


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    """Two methods of two seeds each."""
    return [
        write_record(tmp_path / f"{name}-s{seed}", name, seed, accuracy)
        for name, accuracy in (("rft", 0.3), ("srt", 0.8))
        for seed in range(2)
    ]


def text(folder: Path) -> str:
    return Report(folder).text("md")["README.md"]


def test_the_version_has_two_numbers() -> None:
    assert len(in_order(BENCH_VERSION)) == 2
    assert major("12.3") == 12
    assert sorted(["1.10", UNVERSIONED, "2.0", "1.9"], key=in_order) == [UNVERSIONED, "1.9", "1.10", "2.0"]


def test_records_from_before_there_was_a_version_are_read_checked_and_ranked(seeds: list[Path], tmp_path: Path) -> None:
    for record in seeds:
        of_version(record, None)
        assert read_manifest(record).bench_version == read_result(record).bench_version == UNVERSIONED
    assert says(check_record(seeds[0])) == ""
    assert {s.label: s.rank for s in only_table(tmp_path).standings} == {"srt": 1, "rft": 2}
    assert "ench version" not in text(tmp_path)


@pytest.mark.parametrize("older", [None, BENCH_VERSION])
def test_of_a_mixture_the_newest_major_is_ranked(seeds: list[Path], tmp_path: Path, older: str | None) -> None:
    for record in seeds:
        of_version(record, NEXT_MAJOR if record.name.startswith("rft") else older)
    assert [s.label for s in only_table(tmp_path).standings] == ["rft"]
    averages = [100 * read_result(record).evaluation[-1].avg_at_k for record in seeds if record.name.startswith("srt")]
    assert (
        f"bench version {older or UNVERSIONED}, not ranked: srt on micro-arith, avg@4 (%) by seed, seed in brackets: "
        f"{averages[0]:.1f} (0), {averages[1]:.1f} (1)."
    ) in text(tmp_path)
    data = json.loads(Report(tmp_path).text("json")["leaderboard.json"])
    assert [run["run_id"] for run in data["not_ranked"]["outdated"]] == ["srt-s0", "srt-s1"]


def test_the_same_run_of_two_major_versions_is_not_one_run(seeds: list[Path], tmp_path: Path) -> None:
    """Neither is called a repetition of the other, and a base of the older one is nobody's base."""
    of_version(write_record(tmp_path / "again", "rft", 0, 0.9, intervals=False), NEXT_MAJOR)
    of_version(write_record(tmp_path / "base", "base", 0, 0.2, intervals=False), BENCH_VERSION)
    (standing,) = only_table(tmp_path).standings
    assert [run.run_id for run in standing.row.runs] == ["again"]
    assert "counted once" not in text(tmp_path)


def test_minor_versions_are_ranked_together(seeds: list[Path], tmp_path: Path) -> None:
    later = f"{major(BENCH_VERSION)}.99"
    of_version(seeds[0], later)
    assert {s.label: len(s.row.runs) for s in only_table(tmp_path).standings} == {"rft": 2, "srt": 2}
    assert f"- Bench version: {BENCH_VERSION} and {later}." in text(tmp_path)


def test_tasks_need_not_be_of_one_version(seeds: list[Path], tmp_path: Path) -> None:
    """Rows are ranked within a task."""
    of_version(write_record(tmp_path / "other", "rft", config={"task": {"name": "other"}}, intervals=False), NEXT_MAJOR)
    assert sorted(table.group.task for board in Report(tmp_path).boards for table in board) == ["micro-arith", "other"]


def test_runs_of_two_major_versions_are_not_compared(seeds: list[Path]) -> None:
    of_version(seeds[0], None)
    with pytest.raises(UserError, match=f"under bench versions {UNVERSIONED} and {BENCH_VERSION}"):
        compare_runs(load_run(seeds[0]), load_run(seeds[2]))


def test_a_reproduced_table_has_runs_of_one_major_version(tmp_path: Path) -> None:
    write_record(tmp_path / "base", "base", 0, 0.2, intervals=False)
    write_record(tmp_path / "sdzero-s0", "sdzero", 0, 0.5, intermediate={"srt": 0.4}, intervals=False)
    older = write_record(tmp_path / "rft-s0", "rft", 0, 0.5, intervals=False)
    cells = cells_of(EXPERIMENT, tmp_path, 1)
    of_version(older, None)
    (figures,) = measure(EXPERIMENT, cells, Shelf([tmp_path]))
    assert figures.row("rft") is None
    assert figures.row("sdzero") is not None
    assert "rft" not in figures.absent
    assert any(f"bench version {UNVERSIONED}, not in the table: rft-s0." in line for line in said(figures, []))
    write_record(tmp_path / "rft-again", "rft", 0, 0.5, intervals=False)
    (figures,) = measure(EXPERIMENT, cells, Shelf([tmp_path]))
    assert figures.row("rft") is not None
    assert figures.outdated == ()


def test_an_older_run_is_neither_resumed_nor_taken_for_one_of_a_sweep(tmp_path: Path) -> None:
    config = resolve("base", "tiny")
    record = planned(config, tmp_path)
    write_record(record.folder, state="running", intervals=False)
    path = record.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "config": config.model_dump(mode="json")}))
    assert not record.is_finished()
    of_version(record.folder, None)
    with pytest.raises(UserError, match=f"began under bench version {UNVERSIONED}"):
        resume_session(record.folder, ProgressDisplay())
    with pytest.raises(UserError, match=f"holds a run of bench version {UNVERSIONED}"):
        record.is_finished()


@pytest.mark.parametrize(
    ("manifest", "result", "finding"),
    [
        (BENCH_VERSION, NEXT_MAJOR, f'result.json: bench_version: recorded "{NEXT_MAJOR}", manifest.json has'),
        ("one", BENCH_VERSION, "manifest.json: bench_version: string should match"),
        (NEXT_MAJOR, NEXT_MAJOR, f"manifest.json: bench_version: {NEXT_MAJOR} is later than {BENCH_VERSION}"),
    ],
)
def test_validate_checks_the_version(tmp_path: Path, manifest: str, result: str, finding: str) -> None:
    record = write_record(tmp_path / "run", questions=6, train=2)
    for name, version in (("manifest.json", manifest), ("result.json", result)):
        (record / name).write_text(json.dumps({**json.loads((record / name).read_text()), "bench_version": version}))
    assert any(str(found).startswith(finding) for found in check_record(record).findings), says(check_record(record))
