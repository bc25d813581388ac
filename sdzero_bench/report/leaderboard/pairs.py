"""Paired differences of rows: families that are fixed in advance, corrected, and exploratory pairs, which are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.stats.contrast import Contrast, contrast
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import difference
from sdzero_bench.core.stats.significance import (
    DECIDED,
    EXPLORATORY,
    MARGIN,
    SIGNIFICANT,
    Decision,
    decide,
    holm,
    holm_in_family,
)
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.report.leaderboard.grouping import Row

Seeds = Literal["paired", "independent"]
"""Whether a difference is taken seed by seed, because the runs of a seed share samples, or between independent seeds."""


@dataclass(frozen=True)
class Pair:
    """The paired difference `after` - `before` of two rows, over the same questions."""

    before: str
    after: str
    difference: Estimate
    seeds: Seeds
    p: float
    p_holm: float | None
    """Corrected over the comparison's family; None for an exploratory comparison."""
    p_equivalent: float
    """Of equivalence within the margin; corrected if `p_holm` is."""
    detectable: float | None
    """The smallest true difference that is found with 80 % power, at this standard error and at the strictest level that the
    family may ask for."""

    @property
    def decision(self) -> Decision:
        """Whether `after` is higher or lower than `before`."""
        p, alpha = (self.p, EXPLORATORY) if self.p_holm is None else (self.p_holm, SIGNIFICANT)
        return decide(self.difference.mean, p, p_equivalent=self.p_equivalent, alpha=alpha)

    @property
    def significant(self) -> bool:
        return self.decision in DECIDED

    @property
    def mark(self) -> str:
        """Behind a difference in a table: `*` significant, `=` equivalent, none underpowered."""
        return {"equivalent": "=", "underpowered": ""}.get(self.decision, "*")

    def __neg__(self) -> Pair:
        """`before` - `after`."""
        return Pair(
            self.after, self.before, -self.difference, self.seeds, self.p, self.p_holm, self.p_equivalent, self.detectable
        )


def compared(rows: Mapping[str, Row], pairs: Sequence[tuple[str, str]], absent: int = 0, margin: float = MARGIN) -> list[Pair]:
    """One for each pair (before, after) of names; together with `absent` others that were not run they are a family."""
    made = [_Made(rows[before], rows[after]) for before, after in pairs]
    corrected = holm([m.contrast.p_value() for m in made], absent)
    equivalent = holm([m.contrast.p_equivalent(margin) for m in made], absent)
    level = SIGNIFICANT / max(len(made) + absent, 1)
    return [
        m.pair(before, after, p, same, level)
        for (before, after), m, p, same in zip(pairs, made, corrected, equivalent, strict=True)
    ]


def against(rows: Mapping[str, Row], reference: str, family: Collection[str], margin: float = MARGIN) -> dict[str, Pair]:
    """Each row - the reference, by label. `family` names the rows that are compared with it, whether they were run or not."""
    made = {label: _Made(rows[reference], row) for label, row in rows.items() if label != reference}
    corrected = holm_in_family({label: m.contrast.p_value() for label, m in made.items()}, family)
    equivalent = holm_in_family({label: m.contrast.p_equivalent(margin) for label, m in made.items()}, family)

    def level(label: str) -> float:
        return SIGNIFICANT / len({*family, label} - {reference})

    return {label: m.pair(reference, label, corrected[label], equivalent[label], level(label)) for label, m in made.items()}


def exploratory(rows: Mapping[str, Row], margin: float = MARGIN) -> list[Pair]:
    """Every two rows once, the one of the lower mean before the other; not corrected."""
    order = sorted(rows, key=lambda label: (rows[label].avg.mean(), label))
    found = []
    for before, after in ((order[i], order[j]) for j in range(len(order)) for i in range(j)):
        made = _Made(rows[before], rows[after])
        found.append(made.pair(before, after, None, made.contrast.p_equivalent(margin), EXPLORATORY))
    return found


def share_samples(before: Row, after: Row) -> bool:
    """Whether both rows have the same seeds, several, and the two runs of each have drawn the same samples in some phase.

    What such a phase happened to draw moves both policies alike, so that their difference is taken seed by seed. The digests
    of the journals say it.
    """
    if before.is_base or after.is_base:
        return False  # the base has drawn nothing, whatever the run has that measured it
    drawn = [{run.seed: _drawn(run) for run in row.runs} for row in (before, after)]
    return len(drawn[0]) > 1 and drawn[0].keys() == drawn[1].keys() and all(drawn[0][s] & drawn[1][s] for s in drawn[0])


def _drawn(run: RunRecord) -> set[str]:
    """Digests of the samples of each phase of training."""
    journal = run.manifest.journal or {}
    return {journal[phase].sha256 for phase, use in run.training.items() if use.samples and phase in journal}


class _Made:
    """A comparison of two rows, before it is corrected."""

    def __init__(self, before: Row, after: Row) -> None:
        """Raises `UserError` if the rows have figures of different questions, which the fingerprints rule out."""
        self.scores: tuple[Scores, Scores] = (before.avg, after.avg)
        if differing := before.questions ^ after.questions:
            one, other = (repr(str(row.runs[0].folder)) for row in (before, after))
            raise UserError(f"{one} and {other} do not both have a figure of {min(differing)!r}; validate the records")
        self.paired = share_samples(before, after)
        self.trained = not before.is_base and not after.is_base
        self.contrast: Contrast = contrast(*self.scores, self.paired, borrow=self.trained)

    def pair(self, before: str, after: str, p_holm: float | None, p_equivalent: float, level: float) -> Pair:
        return Pair(
            before=before,
            after=after,
            difference=difference(*self.scores, paired_seeds=self.paired, borrow=self.trained),
            seeds="paired" if self.paired else "independent",
            p=self.contrast.p_value(),
            p_holm=p_holm,
            p_equivalent=p_equivalent,
            detectable=self.contrast.detectable(level),
        )
