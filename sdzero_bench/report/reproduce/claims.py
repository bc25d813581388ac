"""What the paper says, claim by claim, and whether it holds in the runs that are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np

from sdzero_bench.core.settings import Section as Settings
from sdzero_bench.core.stats.estimators import Estimate
from sdzero_bench.core.stats.intervals import RESAMPLES, estimate
from sdzero_bench.core.yaml_core import read_yaml
from sdzero_bench.report.leaderboard.costs import hours
from sdzero_bench.report.rendering.blocks import DASH, Block, Heading, Notes, Table
from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.columns import ratio
from sdzero_bench.report.reproduce.curves import concentrations
from sdzero_bench.report.reproduce.experiment import Experiment, experiments
from sdzero_bench.report.reproduce.row_figures import Measured, TaskFigures, measure
from sdzero_bench.report.reproduce.shelf import Shelf

FIGURES = {"avg": 100, "tokens": 1, "revision": 100, "correction": 100, "concentration": 1}
"""What is compared, and the unit of the table."""


class Claim(Settings):
    claim: str
    paper: str = ""
    """The paper's figure, and where it is."""
    experiment: str
    figure: Literal["avg", "tokens", "revision", "correction", "concentration"] = "avg"
    after: str
    before: str = ""
    """Empty where the figure compares within one row: revised and first answers, wrong and right responses."""
    exceeds: float = 0.0
    """What the difference has to be greater than."""


class Claims(Settings):
    claims: tuple[Claim, ...]
    questions: tuple[Claim, ...]


@dataclass(frozen=True)
class ClaimVerdict:
    claim: Claim
    task: str
    difference: Estimate | None
    """None where runs are missing, or there is nothing to compare."""
    seeds: int = 0

    @property
    def verdict(self) -> str:
        if self.difference is None:
            return "not run"
        low, high = (bound * FIGURES[self.claim.figure] for bound in self.difference.interval)
        if low > self.claim.exceeds:
            return "holds"
        return "does not hold" if high < self.claim.exceeds else "can't be told"

    @property
    def answer(self) -> str:
        """Of a question, which has no direction."""
        return {"holds": "the first is higher", "does not hold": "the second is higher"}.get(self.verdict, self.verdict)

    @property
    def shown(self) -> str:
        if self.difference is None:
            return DASH
        scale = FIGURES[self.claim.figure]
        digits = 3 if self.claim.figure == "concentration" else 1
        mean, low, high = (f"{scale * v:.{digits}f}" for v in (self.difference.mean, *self.difference.interval))
        return f"{mean} [{low}, {high}]"


@cache
def claims() -> Claims:
    text = (resources.files("sdzero_bench.report.experiments") / "claims.yaml").read_text(encoding="utf-8")
    return Claims(**read_yaml(text))


def experiments_of_claims() -> list[Experiment]:
    names = {claim.experiment for claim in (*claims().claims, *claims().questions)}
    return [experiment for experiment in experiments().values() if experiment.name in names]


def findings(found: Sequence[Claim], setting: Setting, shelf: Shelf) -> list[ClaimVerdict]:
    """One for each claim and task."""
    measured: dict[str, list[TaskFigures]] = {}
    result = []
    for claim in found:
        if claim.experiment not in measured:
            experiment = experiments()[claim.experiment]
            measured[claim.experiment] = measure(experiment, cells(experiment, setting), shelf)
        for figures in measured[claim.experiment]:
            after, before = figures.row(claim.after), figures.row(claim.before)
            if after is None or (claim.before and before is None):
                result.append(ClaimVerdict(claim, figures.task, None))
            else:
                result.append(ClaimVerdict(claim, figures.task, COMPARED[claim.figure](after, before), len(after.seeds)))
    return result


def blocks(setting: Setting, shelf: Shelf) -> list[Block]:
    """The page: claims, then questions."""
    of_claims, of_questions = (findings(c, setting, shelf) for c in (claims().claims, claims().questions))
    notes = [
        "after - before, in points or tokens, paired over the same test questions, with a 95 % interval over questions and "
        "seeds. A claim holds if all of its interval lies above what it says, does not hold if all of it lies below, and else "
        "can't be told.",
        f"Each of the {len(of_claims) + len(of_questions)} intervals stands by itself: one in twenty misses by chance.",
        "Revision: accuracy of revised minus first answers of the same policy. Concentration: Gini coefficient of the token "
        "KLs of wrong minus right responses. Correction rates are compared over questions, the seeds taken together.",
    ]
    claimed = [[*_row(f), f.claim.paper, f.shown, str(f.seeds), f.verdict] for f in of_claims]
    asked = [[*_row(f), f.shown, str(f.seeds), f.answer] for f in of_questions]
    model = cells(experiments()["table1"], setting)[0].config.model.name
    preset = f"Preset {setting.preset}, model {model}: whether what the paper says holds here says nothing about other models."
    return [
        Notes([preset, _made_from(setting, shelf)]),
        Heading(2, "What the paper says"),
        Table(["claim", "after - before", "task", "the paper", "here", "seeds", "does it hold?"], claimed, left=3, called=0),
        Notes(notes),
        Heading(2, "What the paper leaves open"),
        Table(["which does better", "after - before", "task", "points", "seeds", "answer"], asked, left=3, called=0),
    ]


def _made_from(setting: Setting, shelf: Shelf) -> str:
    """What the runs of all experiments took, those that several share counted once."""
    runs = {}
    for experiment in experiments().values():
        for cell in cells(experiment, setting):
            if (run := shelf.find(cell.config)) is not None:
                runs[run.folder] = run
    spent, unit = hours([(run.result["ledger"], run.manifest) for run in runs.values()])
    return f"All of it is made from {len(runs)} runs, which took {spent:.1f} {unit} hours in all, with what measured them."


def _row(finding: ClaimVerdict) -> list[str]:
    claim = finding.claim
    within = {"revision": "revised - first", "concentration": "wrong - right"}
    pair = within.get(claim.figure) or f"{claim.after} - {claim.before}"
    return [claim.claim, pair, finding.task]


def _paired(figure: str) -> Callable[[Measured, Measured], Estimate | None]:
    def compare(after: Measured, before: Measured) -> Estimate | None:
        scores = [before.row.scores(figure), after.row.scores(figure)]
        if scores[0] is None or scores[1] is None:
            return None
        return estimate([s for s in scores if s is not None], [(0, 1)], shares=figure != "tokens")[1][0]

    return compare


def _revision(after: Measured, _: Measured | None) -> Estimate:
    """Revised minus first accuracy of one policy."""
    r = after.revisions
    answered = np.maximum(r.wrong + r.right, 1)
    return estimate([(r.fixed - r.broken) / answered], shares=False)[0][0]


def _correction(after: Measured, before: Measured) -> Estimate | None:
    """Difference of correction rates, by a bootstrap over questions."""
    one, other = after.revisions, before.revisions
    rates = ratio(one.fixed, one.wrong), ratio(other.fixed, other.wrong)
    if rates[0] is None or rates[1] is None:
        return None
    sums = [r.sum(axis=0) for r in (one.fixed, one.wrong, other.fixed, other.wrong)]
    picked = np.random.default_rng(0).integers(0, len(sums[0]), (RESAMPLES, len(sums[0])))
    a, b, c, d = (s[picked].sum(axis=1) for s in sums)
    low, high = np.quantile(a / np.maximum(b, 1) - c / np.maximum(d, 1), [0.025, 0.975])
    return Estimate(rates[0].mean - rates[1].mean, float(low), float(high))


def _concentration(after: Measured, _: Measured | None) -> Estimate | None:
    found = concentrations(after)
    return found.difference if found else None


COMPARED: dict[str, Callable[..., Estimate | None]] = {
    "avg": _paired("avg"),
    "tokens": _paired("tokens"),
    "revision": _revision,
    "correction": _correction,
    "concentration": _concentration,
}
