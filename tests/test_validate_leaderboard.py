"""A leaderboard follows from the records beside it, and an edit of either is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from record_edits import Edit, replaced, text, value
from synthetic_records import write_record

from sdzero_bench.report.audit.check_leaderboard import check_leaderboard, leaderboards
from sdzero_bench.report.leaderboard.report_files import Report


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods and the base, two seeds each, with a leaderboard in every format beside them."""
    folder = tmp_path_factory.mktemp("leaderboards") / "board"
    for method, accuracy in (("base", 0.4), ("rft", 0.6), ("srt", 0.5)):
        for seed in range(1 if method == "base" else 2):
            write_record(folder / f"{method}-s{seed}", method, seed, accuracy, questions=12)
    Report(folder).write(folder, ["json", "csv", "md", "latex"])
    return folder


def test_a_leaderboard_that_follows_from_its_records_passes(board: Path) -> None:
    assert leaderboards(board.parent) == [board]
    assert list(check_leaderboard(board)) == []


def test_differences_may_be_to_another_row_than_the_base(board: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(board, tmp_path / "board"))
    Report(folder, "rft").write(folder, ["json", "csv", "md", "latex"])
    assert list(check_leaderboard(folder)) == []


def test_the_authors_own_readme_is_no_leaderboard(tmp_path: Path) -> None:
    record = write_record(tmp_path / "rft-s0")
    (record / "README.md").write_text("# Our best results\n\n99 %\n")
    assert leaderboards(record) == []


BOARD_EDITS: dict[str, tuple[Edit, str]] = {
    "a mean": (
        value("leaderboard.json", "boards/0/tables/0/methods/0/avg/mean", 0.99),
        "leaderboard.json: leaderboard.boards.0.tables.0.methods.0.avg.mean: recorded 0.99, regenerated from the records 0.",
    ),
    "a rank": (
        value("leaderboard.json", "boards/0/tables/0/methods/2/rank", 9),
        "leaderboard.json: leaderboard.boards.0.tables.0.methods.2.rank: recorded 9",
    ),
    "a figure of the table": (
        replaced("README.md", "| rft | ", "| rft | 1"),
        "README.md: 1 line differs, the first being line",
    ),
    "a figure of the paper's table": (
        replaced("leaderboard.tex", "{rft} & {", "{rft} & {1"),
        "leaderboard.tex: 1 line differs",
    ),
    "a number": (
        replaced("leaderboard.csv", ",rft,4,0.", ",rft,4,0.9"),
        "leaderboard.csv: 1 line differs, the first being line",
    ),
    "a seed's record": (value("rft-s1/evaluation.json", "0/per_question/avg/test-0", 0.9), "leaderboard.json: "),
    "a record left out": (lambda folder: shutil.rmtree(folder / "rft-s1"), "leaderboard.json: "),
    "no records": (
        lambda folder: [shutil.rmtree(path) for path in folder.iterdir() if path.is_dir()],
        "leaderboard.json: cannot be regenerated from the records: no run below",
    ),
    "a broken file": (text("leaderboard.json", "{"), "leaderboard.json: is not JSON"),
}


@pytest.mark.parametrize("name", BOARD_EDITS)
def test_an_edit_of_a_leaderboard_is_found(board: Path, tmp_path: Path, name: str) -> None:
    edit, expected = BOARD_EDITS[name]
    folder = Path(shutil.copytree(board, tmp_path / "board"))
    edit(folder)
    found = "\n".join(map(str, check_leaderboard(folder)))
    assert any(line.startswith(expected) for line in found.splitlines()), found
