"""Verdicts on given responses as lines of JSON, and the table of their outcomes."""

from __future__ import annotations

import json
from collections import Counter

from sdzero_bench.core.text import percent
from sdzero_bench.core.verdict import Verdict


def outcome(verdict: Verdict) -> str:
    """The outcome of a program's tests; "right", "wrong" or "no answer"; "timeout" or "error" if the verifier failed."""
    if verdict.reward is None:
        return verdict.status
    if verdict.tests is not None:
        return verdict.tests.outcome
    if verdict.reward == 1.0:
        return "right"
    return "no answer" if verdict.answer is None else "wrong"


def result_line(verdict: Verdict, passed_on: dict[str, object], time_limit: float) -> str:
    """One line. Its seconds are null if the verifier failed; those of a timeout are the time limit."""
    seconds = time_limit if verdict.status == "timeout" else getattr(verdict, "seconds", None)
    row = {
        "reward": None if verdict.reward is None else int(verdict.reward),
        "outcome": outcome(verdict),
        "detail": _detail(verdict),
        "seconds": None if seconds is None else round(seconds, 4),
    }
    return json.dumps(passed_on | row)


def outcome_rows(outcomes: Counter[str]) -> list[list[str]]:
    """Outcome, number of responses and share of all responses, the most frequent first."""
    total = outcomes.total()
    return [[name, f"{count:,}", percent(count / total)] for name, count in outcomes.most_common()]


def _detail(verdict: Verdict) -> str:
    tests = verdict.tests
    if verdict.reward is None or tests is None:
        return verdict.detail or ("" if verdict.answer is None else f"answer: {verdict.answer}")
    passed = f"passed {tests.passed} of {tests.total}"
    if tests.first_failed is None:
        return verdict.detail or passed
    return f"{passed}; test {tests.first_failed}: {tests.outcome}" + (f" ({verdict.detail})" if verdict.detail else "")
