"""Entries of others on a leaderboard: their place, their rank once they are verified, and cards that are none."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from record_edits import value
from synthetic_records import only_table, write_record

from sdzero_bench.core.bench_version import BENCH_VERSION
from sdzero_bench.core.errors import UserError
from sdzero_bench.report.leaderboard.report_files import Report
from sdzero_bench.report.submissions.card import CARD, RECORDS, Card, digest_of, read_card, write_card
from sdzero_bench.report.submissions.check_card import check_card


def page(*folders: Path) -> str:
    return Report(folders).text("md")["README.md"]


def entry_of(place: Path, name: str, accuracy: float, status: str = "unverified") -> Path:
    """An entry of made-up records."""
    entry = place / name
    for seed in range(3):
        write_record(entry / RECORDS / f"{name}-s{seed}", "rft", seed, accuracy, questions=16, intervals=False)
    card = {"name": name, "by": "Ada", "date": "2026-01-01", "method": "rft", "method_sha256": "0" * 64, "paper": "none"}
    more = {"preset": "micro", "tasks": ["micro-arith"], "seeds": [0, 1, 2], "settings": {}, "hardware": [], "commits": []}
    write_card(
        entry,
        Card.model_validate({**card, **more, "status": status, "bench_version": BENCH_VERSION, "digest": digest_of(entry)}),
    )
    return entry


@pytest.fixture
def board(tmp_path: Path) -> Path:
    for name, accuracy in (("rft", 0.5), ("srt", 0.8)):
        for seed in range(3):
            write_record(tmp_path / "board" / f"{name}-s{seed}", name, seed, accuracy, questions=16, base=0.2, intervals=False)
    return tmp_path / "board"


def test_an_unverified_entry_has_its_place_and_takes_none(board: Path, tmp_path: Path) -> None:
    before = only_table(board)
    place = tmp_path / "submissions"
    entry_of(place, "great", 0.97)
    entry_of(place, "poor", 0.3)
    report = Report([board, place])
    ((after,),) = report.boards
    text = report.text("md")["README.md"]
    shown = [(s.label, s.rank, s.place) for s in after.standings]
    assert [row for row in shown if row[1] is not None] == [(s.label, s.rank, None) for s in before.standings]
    assert [row for row in shown if row[1] is None] == [("rft [great]", None, 1), ("rft [poor]", None, 2)]
    assert after.pairs == before.pairs
    assert after.standing("rft [great]").over_reference is not None
    assert "counted once" not in text
    assert text.count("No other row's rank or group counts it.") == 1
    # Nor does it decide what the others are called, or which version is the newest.
    for run in (place / "poor" / RECORDS).iterdir():
        value("manifest.json", "config/method/epochs", 7)(run)
        value("manifest.json", "bench_version", "99.0")(run)
    others = [(s.label, s.rank) for s in only_table(tmp_path).standings if s.rank is not None]
    assert others == [(s.label, s.rank) for s in before.standings]
    (data,) = json.loads(report.text("json")["leaderboard.json"])["boards"]
    submissions = {m["method"]: m.get("submission") for m in data["tables"][0]["methods"]}
    assert submissions["rft [great]"] == {"status": "unverified", "place": 1}
    assert submissions["rft"] is None


def test_a_verified_entry_is_ranked_as_long_as_its_records_are_those_of_its_card(board: Path, tmp_path: Path) -> None:
    entry = entry_of(tmp_path / "submissions", "great", 0.97, "verified")
    assert {s.label: s.rank for s in only_table(tmp_path).standings}["rft [great]"] == 1
    findings = " ".join(map(str, check_card(entry)))
    assert "method_sha256" in findings
    assert "hardware" in findings
    shutil.rmtree(entry / RECORDS / "great-s2")
    write_record(entry / RECORDS / "great-s2", "rft", 2, 0.99, questions=16, intervals=False)
    card = read_card(entry)
    write_card(entry, card.model_copy(update={"by": "Ada L."}))  # what has been read of it is kept until it changes
    assert "| (1) altered |" in page(tmp_path)
    assert any(str(found).startswith("submission.json: digest: recorded") for found in check_card(entry))
    assert any('status is "verified"' in str(found) for found in check_card(entry))


def test_records_of_a_submission_are_found_however_deep_they_lie(board: Path, tmp_path: Path) -> None:
    entry = entry_of(tmp_path / "submissions", "great", 0.97)
    deep = entry / RECORDS / "a" / "b" / "c" / "d" / "e"
    deep.mkdir(parents=True)
    for record in list((entry / RECORDS).glob("great-s*")):
        record.rename(deep / record.name)
    write_card(entry, read_card(entry).model_copy(update={"digest": digest_of(entry)}))
    assert "| (1) unverified |" in page(tmp_path)
    (entry / CARD).unlink()
    with pytest.raises(UserError, match=r"below a folder of submissions and has no submission.json"):
        Report(tmp_path)
    (entry / CARD).mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        Report(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "the whole file"),
        ({"unused_budgett": "x"}, "unused_budgett"),
        ({"by": " "}, "by: "),
        ({"date": "2026-13-45"}, "date: "),
        ({"source": ["/dev/zero"]}, "source.0"),
        ({"source": ["../../x.py"]}, "source.0"),
    ],
)
def test_a_card_that_is_none_is_one_line(content: Any, said: str, board: Path, tmp_path: Path) -> None:
    entry = entry_of(tmp_path / "submissions", "great", 0.97)
    if isinstance(content, dict):
        content = json.dumps({**json.loads((entry / CARD).read_text()), **content}).encode()
    (entry / CARD).write_bytes(content)
    with pytest.raises(UserError, match=re.escape(said)):
        Report(tmp_path)
    assert any(said in str(finding) for finding in check_card(entry))


def test_a_verification_of_a_run_that_is_not_there_is_found(tmp_path: Path) -> None:
    entry = entry_of(tmp_path / "submissions", "great", 0.97, "verified")
    done = {
        "by": "B",
        "date": "2026-01-02",
        "commit": None,
        "run_id": "not-there",
        "seed": 99,
        "agreement": "identical samples",
    }
    write_card(entry, Card.model_validate({**read_card(entry).model_dump(), "verification": {**done, "said": "trust me"}}))
    assert any("not-there, seed 99, which is not among the records" in str(finding) for finding in check_card(entry))
