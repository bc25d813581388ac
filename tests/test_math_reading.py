"""Gold answers of published data sets of which math-verify alone takes a tampered answer for right."""

from __future__ import annotations

import pytest

from sdzero_bench.verifiers.math_answer import check_math

MATRIX = r"\begin{pmatrix} %s & 0 \\ 0 & -1 \end{pmatrix}"
ROW = r"\begin{pmatrix} %s \end{pmatrix}"


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        (r"\frac{1}{2^{98}}", "2^{-98}", "0"),  # the first six decimals of both are 0
        ("0", "0.0", "0.0000001"),
        (r"\frac{1}{3000}", "0.000333333", "0.000333"),
        (r"2007 + \frac\pi 2", r"\frac{\pi}{2} + 2007", r"4017 + \frac\pi 2"),
        (MATRIX % "-1" + ".", MATRIX % "-1", MATRIX % "-5" + "."),
        (ROW % r"1 & \phantom -1", ROW % "1 & 1", ROW % r"5 & \phantom -1"),
        ("a + b + c", "c + b + a", "a + b"),  # the last letter is no unit
        (r"\sin^2 t", r"(\sin t)^2", r"\sin^7 t"),
        ("x^2 t", "t x^2", "x^2"),
        (r"2\pi r", r"2 r\pi", r"2\pi"),
        ("5 m", "5", "6"),  # and here it is one
        (r"10,\!080", "10,080", r"10,\!081"),
        (r"\dfrac{1}{29,\!322,\!216}", r"\frac{1}{29322216}", r"\dfrac{5}{29,\!322,\!216}"),
        (r"17\%", "17%", r"37\%"),
        ("\n\\frac{1}{2}\n", "0.5", "0.6"),
        (r"\text{(E)},", r"\text{(E)}", r"\text{(D)}"),
    ],
)
def test_right_and_wrong_are_told_apart(gold: str, right: str, wrong: str) -> None:
    for answer, reward in ((gold.strip(), 1.0), (right, 1.0), (wrong, 0.0)):
        assert check_math(f"\\boxed{{{answer}}}", gold).reward == reward, answer


def test_a_gold_answer_that_cannot_be_read_is_right_letter_by_letter_and_else_an_error() -> None:
    gold = r"8.24 \unknown{mph}"
    assert check_math(f"\\boxed{{{gold}}}", gold).reward == 1.0
    with pytest.raises(ValueError, match="cannot be read"):
        check_math(r"\boxed{8.24}", gold)
