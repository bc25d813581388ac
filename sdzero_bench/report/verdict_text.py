"""Verdicts in words, for display."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdzero_bench.core.verdict import Verdict

RIGHT, WRONG, REFUSED, FAILED = "right", "wrong", "wrong: refused", "verifier failed"


def outcome(verdict: Verdict) -> str:
    """`right`, `verifier failed`, or `wrong` with the reason if the verdict has one; refused: it could not be read or
    compared."""
    if verdict.reward is None:
        return FAILED
    if verdict.reward == 1.0:
        return RIGHT
    if verdict.status == "refused":
        return REFUSED
    return WRONG if verdict.tests is None else f"{WRONG}: {verdict.tests.outcome}"


def explain(verdict: Verdict) -> str:
    """A verdict in one line, such as "wrong: passed 3 of 5; test 4: time (4.1 s CPU, 4.2 s)"."""
    detail = f" ({verdict.detail})" if verdict.detail else ""
    if verdict.reward is None:
        return f"the verifier failed: {verdict.status}{detail}"
    if (tests := verdict.tests) is None:
        said = "" if verdict.answer is None else f": {verdict.answer}"
        return (RIGHT if verdict.reward == 1.0 else WRONG) + said + detail
    if tests.outcome == "passed":
        return f"{RIGHT}: passed {tests.passed} of {tests.total}"
    if tests.first_failed is None:
        return f"{WRONG}: {tests.outcome}{detail}"
    return f"{WRONG}: passed {tests.passed} of {tests.total}; test {tests.first_failed}: {tests.outcome}{detail}"


def colour(verdict: Verdict) -> str:
    """The terminal colour of a verdict."""
    return {RIGHT: "green", FAILED: "yellow"}.get(outcome(verdict), "red")
