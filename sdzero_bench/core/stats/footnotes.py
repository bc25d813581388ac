"""What every table has to say about its intervals and its significance, in one place."""

from __future__ import annotations

from sdzero_bench.core.stats.significance import SIGNIFICANT

OVER_QUESTIONS = "Intervals: 95 %, BCa bootstrap over questions."
"""Of single policies, as a run records them."""

INTERVALS = (
    "Intervals: 95 %, BCa bootstrap over questions, and over seeds if there are several; differences are paired by question. "
    "They are not corrected for the number of comparisons."
)


def rule(family: str) -> str:
    """When a difference is decided; `family` names the comparisons that p-values are corrected over."""
    return f"Holm-corrected p < {SIGNIFICANT:g} over {family}"
