"""Answers are read strictly, failures are told from wrong answers, and nothing depends on the number of workers."""

from __future__ import annotations

import time

import pytest

from sdzero_bench.cli.doctor import HangingTask
from sdzero_bench.core.question import Question
from sdzero_bench.verifiers.math_answer import LONGEST_ANSWER, check_math, final_answer
from sdzero_bench.verifiers.pool import VerifierPool


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"so \boxed{42}", "42"),
        (r"\boxed{1} no, wait: \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\fbox{7}", "7"),
        (r"\boxed{}", None),
        (r"\boxed{1} and then \boxed{2", None),  # cut in the middle of its answer: the first box does not count
        ("The answer is 12.", "12"),
        ("We add.\n#### 18", "18"),
        ("Final answer: 3/4", "3/4"),
        ("The answer is 12.\nBut let me think", None),  # not on the last line
        ("42", "42"),
        ("1,234.5.", "1,234.5"),
        ("42 apples", None),
        ("7 + 5 = 12", "12"),
        ("$7 + 5 = 12$.", "12"),
        ("7 + 5 = 12 = x", None),
        ("7 + 5 = 12\n12 + 1 = 13", None),  # the end of a working, perhaps not its result
        ("The final answer to this arithmetic problem is 7.", "7"),
        ("The final answer is 8. There are 8 in all.", None),
        (r"**The answer is:** \frac{1}{2}.", r"\frac{1}{2}"),
        ("Answer: 3.5", "3.5"),
        ("4 + 5 is 9", None),  # a last number is no answer
        ("The answer is 3. \\boxed{4}", "4"),  # where there is a box, nothing beside it counts
        ("", None),
    ],
)
def test_final_answer(response: str, answer: str | None) -> None:
    assert final_answer(response) == answer


@pytest.mark.parametrize(
    ("response", "gold", "reward"),
    [
        (r"\boxed{42}", "42", 1.0),
        (r"\boxed{042}", "42", 1.0),
        (r"\boxed{1,234}", "1234", 1.0),
        (r"\boxed{43}", "42", 0.0),
        (r"\boxed{-42}", "42", 0.0),
        (r"\boxed{0.5}", r"\frac{1}{2}", 1.0),
        (r"\boxed{\sqrt{8}}", r"2\sqrt{2}", 1.0),
        (r"\boxed{x^2+2x+1}", "(x+1)^2", 1.0),
        (r"\boxed{x^2+2x+2}", "(x+1)^2", 0.0),
        (r"\boxed{\text{no idea}}", "42", 0.0),
        ("42", "42", 1.0),
        ("42 apples", "42", 0.0),
        ("\\boxed{" + "9" * (LONGEST_ANSWER + 1) + "}", "9", 0.0),
    ],
)
def test_check_math(response: str, gold: str, reward: float) -> None:
    assert check_math(response, gold).reward == reward


def test_an_unreadable_gold_answer_is_an_error_and_not_a_wrong_response() -> None:
    with VerifierPool(HangingTask(), workers=1) as pool:
        (verdict,) = pool.verify([(Question("q", "q", ""), r"\boxed{\pi}")])
    assert verdict.status == "error"
    assert verdict.reward is None


def test_failures_are_told_from_wrong_answers_and_the_pool_survives_them() -> None:
    question = Question("q", "q", "1")
    responses = ["hang", r"\boxed{1}", "die", r"\boxed{2}", "raise", "hang", r"\boxed{1}"]
    started = time.monotonic()
    with VerifierPool(HangingTask(), workers=2, timeout_seconds=0.2) as pool:
        verdicts = pool.verify([(question, r) for r in responses])
        again = pool.verify([(question, r"\boxed{1}")] * 4)
    assert [v.status for v in verdicts] == ["timeout", "ok", "error", "ok", "error", "timeout", "ok"]
    assert [v.reward for v in verdicts] == [None, 1.0, None, 0.0, None, None, 1.0]
    assert "exit code 7" in verdicts[2].detail
    assert "as requested" in verdicts[4].detail
    assert [v.reward for v in again] == [1.0] * 4
    assert time.monotonic() - started < 60


def test_verdicts_do_not_depend_on_the_number_of_workers() -> None:
    pairs = [(Question(str(i), "q", "1/2"), rf"\boxed{{{i}/6}}") for i in range(12)]
    verdicts = []
    for workers in (1, 3):
        with VerifierPool(HangingTask(), workers=workers) as pool:
            verdicts.append(pool.verify(pairs))
    assert verdicts[0] == verdicts[1]
    assert [v.reward for v in verdicts[0]] == [float(i == 3) for i in range(12)]
