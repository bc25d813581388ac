"""What a table says about the comparisons that it makes: how they are paired, and what they could have found."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sdzero_bench.core.stats.footnotes import power
from sdzero_bench.core.stats.outliers import LEAST, outliers
from sdzero_bench.core.text import percent
from sdzero_bench.report.leaderboard.grouping import Row
from sdzero_bench.report.leaderboard.pairs import Pair


def pairing(pairs: Sequence[Pair]) -> list[str]:
    """Which differences are taken seed by seed."""
    paired = [f"{pair.after} - {pair.before}" for pair in pairs if pair.seeds == "paired"]
    if not paired:
        return []
    which = "all differences." if len(paired) == len(pairs) else f"{'; '.join(paired)}. In all others seeds are independent."
    return [f"Paired by seed too, since the runs of each seed share training samples: {which}"]


def detectable(pairs: Sequence[Pair]) -> list[str]:
    """The minimal detectable difference of a family."""
    found = sorted(pair.detectable for pair in pairs if pair.detectable)
    return [power(found[0], median(found), found[-1])] if found else []


def far_seeds(rows: Sequence[Row]) -> list[str]:
    """Seeds that lie far from the others of their row."""
    found = []
    for row in rows:
        means = row.avg.mean(axis=1)
        found += [f"{row.label} seed {row.runs[i].seed} ({percent(float(means[i]))})" for i in outliers(list(means))]
    if not found:
        return []
    return [
        f"Outlying seeds (Grubbs' test, and {100 * LEAST:g} points or more from the others): {'; '.join(found)}. The intervals "
        f"of these rows cover too little, since they assume that seeds vary alike; more seeds are needed."
    ]
