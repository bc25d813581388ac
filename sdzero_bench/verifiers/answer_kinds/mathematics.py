"""Math: numbers and LaTeX, as verifiers/math_answer.py compares them."""

from __future__ import annotations

from typing import Literal

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.answer_kinds.answer_kind import AnswerKind, GoldAnswer, UnreadableAnswer
from sdzero_bench.verifiers.math_answer import check_math, final_answer, unreadable_gold


class MathAnswer(AnswerKind):
    """Equal as mathematics. It has no options."""

    kind: Literal["math"] = "math"
    extract: Literal["boxed"] | None = None
    marker: Literal["Answer"] = "Answer"
    form = "the final answer"
    place = "boxed"
    uses_details = False

    @property
    def described(self) -> str:
        return "the last boxed expression, compared as mathematics"

    def worked(self, solution: str, expected: GoldAnswer) -> str:
        if "\\boxed" in solution and final_answer(solution) == expected.answer:
            return solution
        return f"{solution}\nThe answer is \\boxed{{{expected.answer}}}."

    def read(self, text: str, expected: GoldAnswer) -> str:
        return text

    def gold_text(self, value: object) -> str:
        return str(value)  # as it stands, since records have its digest

    def read_gold(self, expected: GoldAnswer) -> str:
        if why := unreadable_gold(expected.answer):
            raise UnreadableAnswer(why)
        return expected.answer

    def same(self, gold: str, answer: str) -> bool:
        return check_math(self.state(answer), gold).reward == 1.0

    def check(self, response: str, expected: GoldAnswer) -> Verdict:
        return check_math(response, expected.answer)

    def problem(self, expected: GoldAnswer) -> str | None:
        return unreadable_gold(expected.answer)

    def tampered(self, expected: GoldAnswer) -> list[str]:
        return []  # questions/proofs/responses.py changes the text
