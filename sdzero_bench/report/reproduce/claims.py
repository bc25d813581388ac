"""The paper's claims, one by one, and whether they hold in the available runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np

from sdzero_bench.core.settings import Section as Settings
from sdzero_bench.core.stats.contrast import contrast
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.footnotes import INTERVALS, equivalence, rule
from sdzero_bench.core.stats.intervals import difference
from sdzero_bench.core.stats.significance import MARGIN, UNDECIDED, Decision, decide, holm
from sdzero_bench.core.stats.two_way import Scores
from sdzero_bench.core.text import counted
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.records.measured import Figure
from sdzero_bench.report.leaderboard.costs import hours
from sdzero_bench.report.leaderboard.leaderboard_notes import probability
from sdzero_bench.report.leaderboard.pairs import share_samples
from sdzero_bench.report.rendering.blocks import DASH, Block, Heading, Notes, Table
from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.curves import concentrations
from sdzero_bench.report.reproduce.experiment import Experiment, experiments
from sdzero_bench.report.reproduce.paper_order import paper_order
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures, measure
from sdzero_bench.report.reproduce.shelf import Shelf

FIGURES = {
    "avg": (100, "pts"),
    "tokens": (1, "tokens"),
    "revision": (100, "pts"),
    "correction": (100, "pts"),
    "concentration": (1, "Gini"),
}
"""What is compared: its scale and unit in the table."""

FAMILY = "all rows of this table"
"""What p-values are corrected over."""


class Claim(Settings):
    claim: str
    paper: str = ""
    """The paper's figure, and where it is."""
    experiment: str
    figure: Literal["avg", "tokens", "revision", "correction", "concentration"] = "avg"
    after: str
    before: str = ""
    """Empty if the figure compares within one row: revised and first responses, incorrect and correct ones."""
    exceeds: float = 0.0
    """What the difference has to exceed, in the unit of the table."""

    @property
    def threshold(self) -> float:
        """`exceeds` in the unit of the scores."""
        return self.exceeds / FIGURES[self.figure][0]


class Claims(Settings):
    claims: tuple[Claim, ...]
    questions: tuple[Claim, ...]


@dataclass(frozen=True)
class Tested:
    """`after` - `before`, and its p-values against the threshold of the claim."""

    difference: Estimate
    p: float
    p_equivalent: float | None
    """None for a figure that is not in points."""


@dataclass(frozen=True)
class ClaimVerdict:
    claim: Claim
    task: str
    difference: Estimate | None
    """None if runs are missing, or there is nothing to compare."""
    p_holm: float | None = None
    """Corrected over all rows of the table."""
    p_equivalent: float | None = None
    """Corrected alike; None for a figure that is not in points."""
    seeds: int = 0

    @property
    def decision(self) -> Decision | None:
        if self.difference is None or self.p_holm is None:
            return None
        return decide(self.difference.mean, self.p_holm, self.claim.threshold, self.p_equivalent)

    @property
    def verdict(self) -> str:
        """Of a claim."""
        match self.decision:
            case None:
                return "not run"
            case "higher":
                return "holds"
            case "lower":
                return "does not hold"
        return UNDECIDED.get(self.decision, self.decision)

    @property
    def answer(self) -> str:
        """Of a question, which has no direction: the row that does better."""
        match self.decision:
            case None:
                return "not run"
            case "higher":
                return self.claim.after
            case "lower":
                return self.claim.before
        return UNDECIDED.get(self.decision, self.decision)

    @property
    def cells(self) -> list[str]:
        """The difference, its unit, the p-value and the number of seeds."""
        scale, unit = FIGURES[self.claim.figure]
        if self.difference is None or self.p_holm is None:
            return [DASH, unit, DASH, str(self.seeds)]
        digits = 3 if self.claim.figure == "concentration" else 1
        mean, low, high = (f"{scale * v:.{digits}f}" for v in (self.difference.mean, *self.difference.interval))
        return [f"{mean} [{low}, {high}]", unit, probability(self.p_holm), str(self.seeds)]


@cache
def claims() -> Claims:
    text = (resources.files("sdzero_bench.report.experiments") / "claims.yaml").read_text(encoding="utf-8")
    return Claims(**read_yaml(text))


def experiments_of_claims() -> list[Experiment]:
    names = {claim.experiment for claim in (*claims().claims, *claims().questions)}
    return [experiment for experiment in experiments().values() if experiment.name in names]


def findings(found: Sequence[Claim], setting: Setting, shelf: Shelf) -> list[ClaimVerdict]:
    """One for each claim and task; together they are one table, over which p-values are corrected."""
    measured: dict[str, list[TaskFigures]] = {}
    tested: list[tuple[Claim, str, Tested | None, int]] = []
    for claim in found:
        if claim.experiment not in measured:
            experiment = experiments()[claim.experiment]
            measured[claim.experiment] = measure(experiment, cells(experiment, setting), shelf)
        for figures in measured[claim.experiment]:
            after, before = figures.row(claim.after), figures.row(claim.before)
            if after is None or (claim.before and before is None):
                tested.append((claim, figures.task, None, 0))
            else:
                result = COMPARED[claim.figure](after, before, claim.threshold)
                tested.append((claim, figures.task, result, len(after.seeds)))
    made = [result for _, _, result, _ in tested if result is not None]
    absent = len(tested) - len(made)
    corrected = iter(holm([result.p for result in made], absent))
    in_points = [result.p_equivalent for result in made if result.p_equivalent is not None]
    equivalent = iter(holm(in_points, len(tested) - len(in_points)))
    found_out = []
    for claim, task, result, seeds in tested:
        if result is None:
            found_out.append(ClaimVerdict(claim, task, None))
        else:
            alike = None if result.p_equivalent is None else next(equivalent)
            found_out.append(ClaimVerdict(claim, task, result.difference, next(corrected), alike, seeds))
    return found_out


def blocks(setting: Setting, shelf: Shelf) -> list[Block]:
    """The page: the claims, the order of methods, the open questions."""
    of_claims, of_questions = (findings(c, setting, shelf) for c in (claims().claims, claims().questions))
    notes = [
        f"after - before. A claim holds if the difference is significantly above what it states, does not hold if it is "
        f"significantly below, and is equivalent or inconclusive otherwise. Significant: {rule(FAMILY)}, tested "
        f"against the stated value; {equivalence(MARGIN)} (around the stated value). Figures that are not in points have no "
        f"margin: theirs are inconclusive.",
        "Rows whose runs share training samples, seed by seed, are compared seed by seed; all others have independent seeds.",
        INTERVALS,
        "sdzero after SRT: the policy of an sdzero run after phase 1, as in the paper. Revision: accuracy of revised minus "
        "first responses of the same policy. Concentration: Gini coefficient of the token KLs, incorrect minus correct "
        "responses, over responses of all seeds.",
    ]
    claimed = [[*_row(f), f.claim.paper, *f.cells, f.verdict] for f in of_claims]
    asked = [[*_row(f), *f.cells, f.answer] for f in of_questions]
    model = cells(experiments()["table1"], setting)[0].config.model.name
    preset = f"Preset {setting.preset}, model {model}. The verdicts are about this model and say nothing about others."
    measured = ["difference", "unit", "p (Holm)", "seeds"]
    return [
        Notes([preset, _made_from(setting, shelf)]),
        Heading(2, "The paper's claims"),
        Table(["claim", "after - before", "task", "paper", *measured, "verdict"], claimed, left=3, called=0),
        Notes(notes),
        *paper_order(setting, shelf),
        Heading(2, "What the paper leaves open"),
        Table(["question", "after - before", "task", *measured, "better"], asked, left=3, called=0),
        Notes([f"better: the row with the significantly higher avg. Significant: {rule(FAMILY)}."]),
    ]


def _made_from(setting: Setting, shelf: Shelf) -> str:
    """What the runs of all experiments took, shared runs counted once."""
    runs = {}
    for experiment in experiments().values():
        for cell in cells(experiment, setting):
            if (run := shelf.find(cell.config)) is not None:
                runs[run.folder] = run
    spent, unit = hours([(run.result.ledger, run.manifest) for run in runs.values()])
    return f"Computed from {counted(len(runs), 'run')}, which took {spent:.1f} {unit}-hours in total, evaluation included."


def _row(finding: ClaimVerdict) -> list[str]:
    claim = finding.claim
    within = {"revision": "revised - first", "concentration": "incorrect - correct"}
    pair = within.get(claim.figure) or f"{claim.after} - {claim.before}"
    return [claim.claim, pair, finding.task]


def _tested(
    before: Scores | None,
    after: Scores | None,
    threshold: float,
    paired_seeds: bool = False,
    trained: bool = False,
    points: bool = True,
) -> Tested | None:
    """`trained`: neither side is the base, so that a side of one seed varies as the other's seeds do."""
    if before is None or after is None:
        return None
    found = contrast(before, after, paired_seeds, borrow=trained)
    return Tested(
        difference(before, after, paired_seeds=paired_seeds, borrow=trained),
        found.p_value(threshold),
        found.p_equivalent(MARGIN, threshold) if points else None,
    )


def _scores(name: Figure) -> Compare:
    def compare(after: Measured, before: Measured | None, threshold: float) -> Tested | None:
        if before is None:
            return None
        paired = share_samples(before.row, after.row)
        scores = (before.row.scores(name), after.row.scores(name))
        return _tested(*scores, threshold, paired, _trained(before, after), points=name != "tokens")

    return compare


def _revision(after: Measured, _: Measured | None, threshold: float) -> Tested | None:
    gain = after.row.revisions.gain
    return _tested(np.zeros((1, gain.shape[1])), gain, threshold)


def _correction(after: Measured, before: Measured | None, threshold: float) -> Tested | None:
    if before is None:
        return None
    paired = share_samples(before.row, after.row)
    scores = (before.row.revisions.wrong_to_right, after.row.revisions.wrong_to_right)
    return _tested(*scores, threshold, paired, _trained(before, after))


def _trained(before: Measured, after: Measured) -> bool:
    return not before.row.is_base and not after.row.is_base


def _concentration(after: Measured, _: Measured | None, threshold: float) -> Tested | None:
    found = concentrations(after, threshold)
    return Tested(found.difference, found.p, None) if found else None


Compare = Callable[[Measured, Measured | None, float], Tested | None]
"""Of `after`, `before` (None for a comparison within one row) and the threshold; None if there is nothing to compare."""

COMPARED: dict[str, Compare] = {
    "avg": _scores("avg"),
    "tokens": _scores("tokens"),
    "revision": _revision,
    "correction": _correction,
    "concentration": _concentration,
}
