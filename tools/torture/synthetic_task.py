"""A task whose verdicts follow from the response at once. It has a file of its own, which worker processes import."""

from __future__ import annotations

from collections.abc import Sequence

from sdzero_bench.core.question import Question, QuestionSet
from sdzero_bench.core.task import Messages, Split, Task
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.verifiers.math_answer import check_math, prepare

QUESTIONS = 200
UNREADABLE, FAILING = "1 +", "fail"


def response_to(token_ids: Sequence[int]) -> str:
    """The text that these token ids stand for: most are right or wrong answers, some cannot be read, and some let the verifier
    fail."""
    kind = token_ids[0] % 50
    answer = UNREADABLE if kind == 0 else FAILING if kind == 1 else str(token_ids[0] % 200)
    return f"The answer is \\boxed{{{answer}}}"


class SyntheticTask(Task):
    """`n + 1`, for n below `QUESTIONS`."""

    name = "synthetic"
    summary = source = verifier = "sums, and a verifier that raises where a response says so"

    def load(self, split: Split) -> QuestionSet:
        return QuestionSet(self.name, tuple(Question(str(n), f"{n} + 1 = ?", str(n + 1)) for n in range(QUESTIONS)))

    def prompt(self, question: Question) -> Messages:
        return [{"role": "user", "content": question.text}]

    def prepare_worker(self) -> None:
        prepare()

    def verify(self, question: Question, response: str) -> Verdict:
        if FAILING in response:
            raise RuntimeError("as it was asked to")
        return check_math(response, question.answer)

    @staticmethod
    def expected(question: Question, response: str) -> tuple[str, float | None]:
        """Status and reward that its verdict has to have."""
        answer = response.partition("{")[2].rstrip("}")
        if answer == FAILING:
            return "error", None
        return ("refused", 0.0) if answer == UNREADABLE else ("ok", float(answer == question.answer))
