"""Scores of answers by the data sets' own scorers, and which of those are not to be relied on."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from typing import Any

from sdzero_bench.tasks.procedural.expressions import is_arithmetic, is_formula
from sdzero_bench.verifiers.math_answer import final_answer

LONGEST_ANSWER = 20_000
"""Characters; the grids of some puzzles take a few thousand."""

UNTRUSTED = {
    "boxnet": "it has no gold answers, so that nothing shows that its scorer knows a right one",
    "coin_flip": "its scorer takes the first digits of a probability for all of it: 0 is right for every answer below 1",
    "game_of_life_halting": "its scorer takes every text for True",
    "graph_color": "it has no gold answers, so that nothing shows that its scorer knows a right one",
    "number_sorting": "its scorer takes numbers that are off by as much as 1",
    "propositional_logic": "it has no gold answers, so that nothing shows that its scorer knows a right one",
    "puzzle24": "its scorer does not look at which numbers were given: one solution is right for every question",
    "rubiks_cube": "it has no gold answers, so that nothing shows that its scorer knows a right one",
    "rush_hour": "it has no gold answers, so that nothing shows that its scorer knows a right one",
}
"""By data set of reasoning-gym 0.1.25, what is wrong; found by scoring gold and wrong answers (tests/test_reasoning_gym.py)."""


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
"""Scorers that evaluate the answer as Python, and what an answer may look like before they see it."""

_TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def scored_part(response: str) -> str | None:
    """What of a response is scored, or None.

    1. What stands between the last `<answer>` and `</answer>`, as reasoning-gym's own prompts ask; several lines are allowed.
       A tag that is opened last and never closed is no answer: the response was cut.
    2. Only where there is no tag: the final answer by the rules for mathematics (sdzero_bench/verifiers/math_answer.py).
    """
    if "<answer>" not in response:
        return final_answer(response)
    last = _TAG.match(response, response.rindex("<answer>"))
    return (last.group(1).strip() or None) if last else None


def score(data_set: Any, name: str, answer: str, entry: dict[str, Any]) -> tuple[float, str]:
    """The score, and a word on it.

    An answer that the scorer fails on counts as wrong if it does not fail on the gold answer. Raises what it raised if it does.
    """
    if len(answer) > LONGEST_ANSWER:
        return 0.0, f"longer than {LONGEST_ANSWER} characters"
    if name in EVALUATED and not EVALUATED[name](answer):
        return 0.0, "not of the form that answers have here, and not shown to the scorer, which would run it"
    with contextlib.redirect_stdout(io.StringIO()):  # some scorers print
        try:
            found = float(data_set.score_answer(answer, entry))
        except Exception as error:
            if entry["answer"] is None or data_set.score_answer(entry["answer"], entry) < 1:
                raise
            return 0.0, f"the scorer could not read it ({type(error).__name__})"
    return found, f"score {found:g}"
