"""Verdicts that no contest grader would dispute: a gold answer, a response, and whether it is right.

math_cases.jsonl says why of each. math_variants.jsonl has more of each kind, many of them from bug reports on math-verify and
on the graders of lm-eval and verl. math_reported.jsonl names the public report that each was taken from or varies; where a
reader may differ, or we do not follow, `ours` is our verdict.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sdzero_bench.verifiers.math_answer import check_math, final_answer, unreadable_gold

DATA = Path(__file__).parent / "data"


def cases(name: str) -> list[Any]:
    rows = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
    return [
        pytest.param(row["gold"], row["response"], row["expected"], id=f"{i}-{row['gold'][:30]}") for i, row in enumerate(rows)
    ]


@pytest.mark.parametrize(("gold", "response", "expected"), cases("math_cases.jsonl") + cases("math_variants.jsonl"))
def test_the_verdict_is_that_of_a_contest_grader(gold: str, response: str, expected: int) -> None:
    assert check_math(response, gold).reward == expected


REPORTED = [json.loads(line) for line in (DATA / "math_reported.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{i}-{row['gold'][:30]}") for i, row in enumerate(REPORTED)])
def test_inputs_on_which_other_graders_were_reported(row: dict[str, Any]) -> None:
    wanted = row.get("ours", row["expected"])
    if wanted is None:
        with pytest.raises(ValueError, match="the gold answer"):
            check_math(row["response"], row["gold"])
    else:
        assert check_math(row["response"], row["gold"]).reward == wanted


def test_few_of_the_reported_inputs_are_left() -> None:
    """Of those, most are answers without a mark that the rules for final answers refuse."""
    assert len(REPORTED) > 700
    assert sum("ours" in row for row in REPORTED) < 0.06 * len(REPORTED)


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{9^{9^{9}}}",
        r"\boxed{((((9!)!)!)!)!}",
        r"\boxed{\frac{1}{0}}",
        r"\boxed{" + "(" * 250 + "5" + r"}",
        r"\boxed{\foo 5}",
        r"\boxed{3:}",
        r"\boxed{\begin{pmatrix} 1 & 2 \\ 3 \end{pmatrix}}",
        r"\boxed{x_}",
    ],
)
def test_a_response_that_cannot_be_read_or_compared_is_wrong_and_has_an_outcome_of_its_own(response: str) -> None:
    verdict = check_math(response, "5")
    assert (verdict.reward, verdict.status) == (0.0, "refused")


@pytest.mark.parametrize("gold", [r"\frac{1}{", r"\foo", "x^", "(1, 2", r"\frac{1}{0}", "9^{9^{9^9}}", ""])
def test_a_gold_answer_that_cannot_be_compared_is_found_beforehand(gold: str) -> None:
    assert unreadable_gold(gold) is not None
    with pytest.raises(ValueError, match="the gold answer"):
        check_math(r"\boxed{\sqrt{5}}", gold)


@pytest.mark.parametrize("gold", ["x{", "3 km.{a", "{5"])
def test_so_is_one_that_cannot_be_put_into_a_box(gold: str) -> None:
    assert unreadable_gold(gold) is not None


@pytest.mark.parametrize("gold", ["12", r"\frac{1}{2}", r"\text{odd}", "x=2t", "3:00", "CDAB", r"4210_{5}", "2^{20000}"])
def test_a_gold_answer_that_can_be_compared_is_no_finding(gold: str) -> None:
    assert unreadable_gold(gold) is None


@pytest.mark.parametrize(
    "response",
    [
        "x" + " " * 100_000 + "y",
        "The answer is" + " " * 100_000 + "y",
        "\n" * 100_000 + "5",
        "1" * 100_000,
        "1+" * 50_000 + "= 5",
        r"\boxed{" * 20_000,
        r"\boxed{}" * 20_000,
        r"\boxed{1}," * 20_000,
        r"\boxed " * 20_000,
        r"\boxed" + " " * 100_000,
    ],
)
def test_the_answer_of_a_long_response_is_found_in_linear_time(response: str) -> None:
    started = time.process_time()
    final_answer(response)
    assert time.process_time() - started < 1
