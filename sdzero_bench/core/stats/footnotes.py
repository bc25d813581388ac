"""What every table has to say about its intervals, its significance and its power, in one place."""

from __future__ import annotations

from sdzero_bench.core.stats.contrast import POWER
from sdzero_bench.core.stats.significance import EXPLORATORY, SIGNIFICANT

OVER_QUESTIONS = "Intervals: 95 %, BCa bootstrap over questions."
"""Of single policies, as a run records them."""

INTERVALS = (
    "Intervals: 95 %, BCa bootstrap over questions, and over seeds if there are several; differences are paired by question. "
    "They are not corrected for the number of comparisons, so an interval may exclude 0 even where the difference is "
    "inconclusive."
)


EXPLORED = f"Exploratory: p < {EXPLORATORY:g}, not corrected for the number of comparisons."


def rule(family: str) -> str:
    """When a difference is significant; `family` names the comparisons that p-values are corrected over."""
    return f"Holm-corrected p < {SIGNIFICANT:g} over {family}, whether run or not"


def equivalence(margin: float) -> str:
    """What the reasons for an inconclusive difference mean."""
    return (
        f"equivalent: within {points(margin)} of each other by two one-sided tests, corrected alike; underpowered: neither "
        f"different nor equivalent by these seeds and questions"
    )


def marks(family: str, margin: float) -> str:
    """What is written behind a difference in a table."""
    equivalent = f"= equivalent within {points(margin)} (two one-sided tests, corrected alike)"
    return f"* significant ({rule(family)}); {equivalent}; no mark: inconclusive (underpowered)."


def power(least: float, median: float, most: float) -> str:
    """From the minimal detectable differences of a family's comparisons."""
    spread = f", from {_possible(least)} to {_possible(most)}" if most > least else ""
    return (
        f"Minimal detectable difference at {POWER:.0%} power: {_possible(median)} points (median of the comparisons{spread})."
    )


def _possible(difference: float) -> str:
    """In points. Seeds far apart give differences that no two accuracies can have."""
    return f"{100 * difference:.1f}" if difference <= 1 else "more than 100"


def points(margin: float) -> str:
    return f"{100 * margin:g} points"
