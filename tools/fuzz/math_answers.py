"""Responses with mathematical answers, and gold answers, as models and data sets write them and as they should not."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from sdzero_bench.verifiers.math_answer import check_math, final_answer, unreadable_gold
from tools.fuzz.bounded import fault
from tools.fuzz.hunting import Target

PIECES = [
    *"0123456789xyzneiπ∞+-*/^_=<>≤≠|!%°$&#~.,;:'\"()[]{}\\ \n",
    *[r"\frac", r"\dfrac", r"\sqrt", r"\boxed", r"\fbox", r"\text", r"\mathrm", r"\pi", r"\infty", r"\cup", r"\cap", r"\in"],
    *[r"\pm", r"\cdot", r"\times", r"\div", r"\le", r"\ge", r"\neq", r"\left", r"\right", r"\log", r"\ln", r"\sin", r"\arctan"],
    *[r"\binom", r"\overline", r"\sum", r"\int", r"\begin{pmatrix}", r"\end{pmatrix}", r"\ "],
    *["{}", "{1}", "{2}", "\\\\", "\\%", "^\\circ", "^{10}", "9^9^9", "10^{999}", "!", "1e400", "0.(3)", "1,234", "1/0", "0^0"],
    *["and", "or", "(1, 2]", "\\{1, 2\\}", "x \\in", "mod", "feet", "cm^2", "\\text{ hours}", "½", "²", "１２", "−", "٣", "\0"],
    *["####", "Answer:", "the answer is", "\ud800", "e\u0301", "\u202e", "\u200b", "\xa0", "\r\n"],
]  # fmt: skip

answers = st.lists(st.sampled_from(PIECES), max_size=24).map("".join) | st.text(max_size=60)
nested = st.builds(
    lambda opening, inside, depth: opening[0] * depth + inside + opening[1] * depth,
    st.sampled_from(
        [("(", ")"), ("{", "}"), ("\\frac{1}{", "}"), ("\\sqrt{", "}"), ("-", ""), ("2^", ""), ("\\left(", "\\right)")]
    ),
    st.sampled_from(["1", "x", ""]),
    st.integers(1, 120),
)
responses = st.one_of(
    st.builds("{}\\boxed{{{}}}{}".format, st.text(max_size=8), answers | nested, st.text(max_size=8)),
    st.builds("Work.\n#### {}".format, answers),
    st.builds("The answer is {}.".format, answers | nested),
    answers,
    st.builds(lambda piece, times: piece * times, st.sampled_from(PIECES), st.integers(1, 3000)),
)
golds = (
    st.sampled_from(["42", "-3/4", r"\frac{1}{2}", "(1, 2]", r"\{1, 2\}", "x^2+1", "x = 3", r"\text{odd}", "2^{100}"]) | answers
)


def wrong_verdict(case: tuple[str, str]) -> str | None:
    """What is wrong with the verdict on a response, whose reward has to be 0 or 1 and which a journal can hold."""
    response, gold = case

    def verify() -> None:
        verdict = check_math(response, gold)
        assert verdict.reward in (0.0, 1.0)
        json.dumps(verdict.as_dict())
        assert check_math(response, gold) == verdict
        final_answer(response)

    # An unreadable gold answer is an error of the data, which is said before a run.
    unreadable = fault(lambda: unreadable_gold(gold))
    return unreadable or fault(verify, allowed=(ValueError,) if _bad(gold) else ())


def _bad(gold: str) -> bool:
    return unreadable_gold(gold) is not None


def target() -> Target:
    return Target("answers to mathematical questions", st.tuples(responses, golds), wrong_verdict, 0.4)
