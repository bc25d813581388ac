"""docs/math_verifiers.md: our verifier compared with others, on cases with a ruling each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.math_agreement import OURS, Case, Said, page, read_cases, verdicts

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def judged() -> tuple[list[Case], list[Said]]:
    cases = read_cases(DOCS / "math_cases.yaml")
    return cases, verdicts(cases)


@pytest.mark.slow
def test_the_page_is_up_to_date(judged: tuple[list[Case], list[Said]]) -> None:
    """And every case that is contested says why: `page` raises for one that does not."""
    assert (DOCS / "math_verifiers.md").read_text(encoding="utf-8") == page(*judged), "run: make math-verifiers"


@pytest.mark.slow
def test_our_verifier_never_takes_wrong_for_right_and_seldom_refuses_a_right_answer(
    judged: tuple[list[Case], list[Said]],
) -> None:
    assert [case.shown for case, said in zip(*judged, strict=True) if said[OURS] and not case.right] == []
    assert [case.shown for case, said in zip(*judged, strict=True) if not said[OURS] and case.right] == [
        "After some steps we get 42"  # it is not marked as the answer
    ]


def test_a_contested_case_has_to_say_why() -> None:
    silent = Case("numbers", "12", "\\boxed{13}", "13", right=True, origin="ours")
    with pytest.raises(ValueError, match="do not say why"):
        page([silent], [{OURS: False}])
