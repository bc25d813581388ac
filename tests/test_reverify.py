"""Verifying again finds the edit that is consistent in all files, and takes no failure of a verifier for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from record_edits import follow, lines, says, value, with_details, write_revised_record
from small_runs import run_json, small_run
from synthetic_records import question_set, write_record

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.packing import pack
from sdzero_bench.report.audit.audit import check_record, open_record
from sdzero_bench.report.audit.reverify import Reverifier
from sdzero_bench.verifiers.math_answer import check_math

FINAL = "journal/evaluation.final.jsonl"


class HiddenTests(Task):
    """A task whose verifier runs tests that the record does not keep."""

    name = "hidden-tests"

    def load(self, split: Split) -> QuestionSet:
        return question_set(split, 4)

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": question.text}]

    def verify(self, question: Question, response: str) -> Verdict:
        return Verdict(float(response in question.details.get("tests", [])))


class Slow(HiddenTests):
    """Verifies as micro-arith does, some questions after a while."""

    name = "slow"

    def verify(self, question: Question, response: str) -> Verdict:
        time.sleep(question.details["seconds"])
        return check_math(response, question.answer)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return write_revised_record(tmp_path / "rft-s0")


def reverified(folder: Path) -> tuple[str, str]:
    """Findings and notes, as text."""
    report, record = open_record(folder)
    assert record is not None
    with Reverifier(workers=1) as reverifier:
        findings, notes = reverifier.check(record)
    return "\n".join(map(str, [*report.findings, *findings])), "\n".join(notes)


def consistent(folder: Path, number: int, change: Callable[[Any], None]) -> None:
    """An edit of one sample after which every figure and digest is made to follow."""
    for name in (FINAL, "journal/evaluation.final.revision.jsonl"):
        lines(name, lambda rows: change(rows[number]))(folder)
    follow(folder)


def test_texts_that_are_as_they_were_verify_again(record: Path) -> None:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count

    with Reverifier(workers=1) as reverifier:
        assert reverifier.check(open_record(record)[1], advance) == ([], [])
    assert done == 40


def test_a_consistent_edit_is_found_by_verifying_again(record: Path) -> None:
    consistent(record, 3, lambda row: row["verdict"].update(reward=1 - row["verdict"]["reward"]))
    assert says(check_record(record)) == ""
    findings, _ = reverified(record)
    assert f"{FINAL}: 1 verdict is not what the verifier says of the text, such as that of test-1/1: recorded" in findings


def test_a_text_that_would_not_earn_its_reward_is_found(record: Path) -> None:
    def nonsense(row: Any) -> None:
        row.update(text="I do not know.", prefix="I do not know." if row["prefix"] else "")
        row["verdict"].update(reward=1.0)

    consistent(record, 0, nonsense)
    assert says(check_record(record)) == ""
    assert "such as that of test-0/0: recorded" in reverified(record)[0]


def test_a_verifier_that_had_failed_now_and_then_is_no_edit(tmp_path: Path) -> None:
    findings, notes = reverified(write_record(tmp_path / "run", failures=3, questions=100, k=4))
    assert findings == ""
    assert notes == f"{FINAL}: 3 samples had no verdict (timeout), and have one now"


def test_one_that_had_failed_often_is_since_figures_leave_those_samples_out(tmp_path: Path) -> None:
    """Wrong samples that are relabelled as timeouts would raise every figure."""
    findings, _ = reverified(write_record(tmp_path / "run", failures=5, questions=100, k=4))
    assert findings == f"{FINAL}: 5 samples had no verdict (timeout), and have one now; the figures leave them out"


@pytest.mark.slow
def test_a_verifier_that_is_too_slow_now_is_no_edit(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value("manifest.json", "config/verifying/timeout_seconds", 0.1)(record)
    with_details(record, lambda id: {"seconds": 60 * (id == "test-0")})
    monkeypatch.setattr("sdzero_bench.report.audit.reverify.make_task", lambda config: Slow())
    findings, notes = reverified(record)
    assert findings == ""
    assert f"{FINAL}: 2 samples were not verified within the time limit this time, and are not compared" in notes


def test_a_verifier_that_needs_more_than_is_recorded_says_so(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdzero_bench.report.audit.reverify.make_task", lambda config: HiddenTests())
    findings, notes = reverified(record)
    assert findings == ""
    assert "16 samples cannot be verified again: the task's verifier needs details of the questions" in notes


def test_details_that_are_in_the_record_are_used(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdzero_bench.report.audit.reverify.make_task", lambda config: HiddenTests())
    with_details(record, lambda id: {"tests": []})
    findings, notes = reverified(record)
    assert "verdicts are not what the verifier says of the text" in findings
    assert notes == ""


def test_a_real_run_passes_packed_or_not(tmp_path: Path) -> None:
    """What is written by a run, not by these tests: SD-Zero on a few questions, base, SRT and final policy measured."""
    result = run_json(small_run("sdzero", tmp_path))
    run = Path(result["folder"])
    assert reverified(run) == ("", "")
    assert reverified(pack(run, tmp_path / "packed")) == ("", "")
