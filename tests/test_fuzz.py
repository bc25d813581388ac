"""A short form of `make fuzz`, and faults that it has to find."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import strategies as st

from sdzero_bench.core.errors import UserError
from sdzero_bench.questions import question_files
from tools.fuzz import __main__ as command
from tools.fuzz import own_questions
from tools.fuzz.bounded import fault
from tools.fuzz.hunting import Target, hunt
from tools.torture.outcome import Outcome


@pytest.mark.parametrize(
    ("kind", "cases"), [("math", 400), ("answers", 300), ("programs", 300), ("settings", 150), ("questions", 150)]
)
def test_random_input_gets_a_verdict_or_an_error_in_one_line(kind: str, cases: int) -> None:
    outcome = command.fuzz(cases, [kind])
    assert outcome.findings == []
    assert outcome.total == cases


def test_edited_records_are_read_or_refused() -> None:
    assert command.fuzz(25, ["records"]).findings == []


def test_a_fault_is_found_once_with_its_shortest_input() -> None:
    def breaks(text: str) -> str | None:
        return fault(lambda: int("x") if "a" in text else None)

    outcome = Outcome("fuzz")
    hunt(Target("texts", st.text("ab", max_size=6), breaks, 1.0), 300, 0, outcome)
    assert len(outcome.findings) == 1
    assert outcome.findings[0].startswith("texts: ValueError")
    assert outcome.findings[0].endswith(": 'a'")
    assert outcome.total == 300


def test_the_same_seed_gives_the_same_cases() -> None:
    seen: list[list[str]] = []
    for seed in (0, 0, 1):
        cases: list[str] = []
        hunt(Target("texts", st.text(), lambda text, cases=cases: cases.append(text), 1.0), 50, seed, Outcome("fuzz"))
        seen.append(cases)
    assert seen[0] == seen[1] != seen[2]


def test_what_takes_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(seconds: float) -> None:
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass

    assert fault(lambda: compute(0.2), bound=0.1) == "more than 0.1 s"
    monkeypatch.setattr("tools.fuzz.bounded.GIVEN_UP", 0.3)
    assert fault(lambda: compute(60)) == "still not done after 0.3 s"


def test_errors_for_users_are_no_faults_and_others_are() -> None:
    def refuse(words: str) -> None:
        raise UserError(words)

    assert fault(lambda: refuse("leave it out")) is None
    assert fault(lambda: refuse(" ")) == "an error without words"
    assert fault(lambda: int("x"), allowed=(ValueError,)) is None


def test_a_reader_that_lets_errors_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(path: Path) -> list[tuple[int, object]]:
        return [(1, __import__("json").loads(path.read_bytes()))]

    monkeypatch.setattr(question_files, "_json_array", careless)
    outcome = Outcome("fuzz")
    hunt(own_questions.target(), 100, 0, outcome)
    assert any("JSONDecodeError" in finding for finding in outcome.findings)
