"""Scores of answers by the data sets' own scorers, and the scorers that cannot be relied on."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from typing import Protocol

from sdzero_bench.tasks.procedural.expressions import is_arithmetic, is_formula
from sdzero_bench.verifiers.math_answer import final_answer

LONGEST_ANSWER = 20_000
"""Characters; the grids of some puzzles take a few thousand."""

_NO_GOLD = "it has no gold answers, so its scorer cannot be tested"
UNTRUSTED = {
    "boxnet": _NO_GOLD,
    "coin_flip": "its scorer accepts the first digits of a probability: 0 counts as correct for every answer below 1",
    "game_of_life_halting": "its scorer reads every text as True",
    "graph_color": _NO_GOLD,
    "number_sorting": "its scorer accepts numbers that are off by up to 1",
    "propositional_logic": _NO_GOLD,
    "puzzle24": "its scorer ignores which numbers were given: one solution counts as correct for every question",
    "rubiks_cube": _NO_GOLD,
    "rush_hour": _NO_GOLD,
}
"""Faults by data set of reasoning-gym 0.1.25, found by scoring gold and wrong answers (tests/test_reasoning_gym.py)."""


class AnswerScorer(Protocol):
    """A data set of reasoning-gym, as far as scoring needs it."""

    def score_answer(self, answer: str, entry: Entry) -> float: ...


Entry = dict[str, object]
"""An item as the scorers read it: question, answer (None without a gold answer) and metadata."""


def _made_of(pattern: str) -> Callable[[str], bool]:
    return lambda answer: re.fullmatch(pattern, answer) is not None


EVALUATED: dict[str, Callable[[str], bool]] = {
    "binary_matrix": _made_of(r"[\d\s,\[\]]*"),
    "countdown": is_arithmetic,
    "intermediate_integration": is_formula,
    "n_queens": _made_of(r"[_Q\s,\[\]'\"]*"),
    "polynomial_multiplication": is_formula,
    "puzzle24": is_arithmetic,
    "simple_integration": is_formula,
    "spiral_matrix": _made_of(r"[-\d\s,\[\]]*"),
    "string_insertion": _made_of(r"[A-Z\s,\[\]'\"]*"),
}
"""Scorers that evaluate the answer as Python, with the form that an answer must have before it is passed to them."""

_TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def scored_part(response: str) -> str | None:
    """The part of a response that is scored, or None.

    1. The text between the last `<answer>` and its `</answer>`, as reasoning-gym's own prompts request; it may have several
       lines. If the last tag is never closed, there is no answer, since the response was truncated.
    2. If there is no tag: the final answer by the rules for mathematics (verifiers/math_answer.py).
    """
    if "<answer>" not in response:
        return final_answer(response)
    last = _TAG.match(response, response.rindex("<answer>"))
    return (last.group(1).strip() or None) if last else None


def score(data_set: AnswerScorer, name: str, answer: str, entry: Entry) -> tuple[float, str]:
    """The score, and a remark for the verdict.

    If the scorer raises on the answer but accepts the gold answer, the answer counts as wrong. If it does not accept the gold
    answer either, its exception is raised.
    """
    if len(answer) > LONGEST_ANSWER:
        return 0.0, f"longer than {LONGEST_ANSWER} characters"
    if name in EVALUATED and not EVALUATED[name](answer):
        return 0.0, "not of the form that answers have here, and not shown to the scorer, which would run it"
    with contextlib.redirect_stdout(io.StringIO()):  # some scorers print
        try:
            found = float(data_set.score_answer(answer, entry))
        except Exception as error:
            gold = entry["answer"]
            if not isinstance(gold, str) or data_set.score_answer(gold, entry) < 1:
                raise
            return 0.0, f"the scorer could not read it ({type(error).__name__})"
    return found, f"score {found:g}"
