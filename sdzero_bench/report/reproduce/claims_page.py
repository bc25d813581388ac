"""The page of the paper's claims: a verdict per claim, task and preset, with the figures behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sdzero_bench.core.stats.footnotes import INTERVALS, equivalence, rule
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import counted
from sdzero_bench.report.leaderboard.costs import hours
from sdzero_bench.report.rendering.blocks import Block, Heading, Notes, Table
from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.claims import ClaimVerdict, claims, findings
from sdzero_bench.report.reproduce.conclusions import conclusions
from sdzero_bench.report.reproduce.experiment import experiments
from sdzero_bench.report.reproduce.paper_order import beside_sdzero, one_epoch, paper_order
from sdzero_bench.report.reproduce.shelf import Shelf

FAMILY = "all rows of this table"
"""What p-values are corrected over."""


def blocks(settings: Sequence[Setting], shelf: Shelf) -> list[Block]:
    """Conclusions, then claims, order of methods and open questions per setting; of several settings, verdicts side by side."""
    found = [(setting, findings(claims().claims, setting, shelf)) for setting in settings]
    asked = [(setting, findings(claims().questions, setting, shelf)) for setting in settings]
    beside = [beside_sdzero(setting, shelf) for setting in settings]
    single = [one_epoch(setting, shelf) for setting in settings]
    page = conclusions(found, beside, single, [_model(setting) for setting in settings])
    if len(settings) > 1:
        page += _side_by_side("The paper's claims", "claim", found, lambda finding: finding.verdict)
        if sum(map(_any_run, (questions for _, questions in asked))) > 1:
            page += _side_by_side("What the paper leaves open", "question", asked, lambda finding: finding.answer)
    for (setting, of_claims), (_, of_questions) in zip(found, asked, strict=True):
        if len(settings) > 1:
            page.append(Heading(2, f"Preset {setting.preset}"))
        page += _of_setting(setting, shelf, of_claims, of_questions, alone=len(settings) == 1)
    return page


Findings = tuple[Setting, list[ClaimVerdict]]


def _side_by_side(title: str, named: str, found: Sequence[Findings], said: Callable[[ClaimVerdict], str]) -> list[Block]:
    """A row per claim and task of any setting, a column per setting."""
    words = [{(f.claim.claim, f.task): said(f) for f in verdicts} for _, verdicts in found]
    keys = dict.fromkeys(key for column in words for key in column)
    rows = [[*key, *(column.get(key, "not run") for column in words)] for key in keys]
    presets = [setting.preset for setting, _ in found]
    return [
        Heading(2, title),
        Table([named, "task", *presets], rows, left=len(presets) + 2, whole=True),
        Notes(
            [
                "One column per preset. The figures behind the verdicts are below. p-values are corrected over all claims of a "
                "preset. Other tables make fewer comparisons, so the same difference can be significant there and "
                "inconclusive here."
            ]
        ),
    ]


def _of_setting(
    setting: Setting, shelf: Shelf, of_claims: Sequence[ClaimVerdict], of_questions: Sequence[ClaimVerdict], alone: bool
) -> list[Block]:
    """`alone`: the page has no other setting. Beside others, open questions without any runs are left out."""
    level = 2 if alone else 3
    notes = [
        f"after - before. A claim is tested against 0, or against what it states (at least 10 points), not against the paper's "
        f"figure. It holds if the difference is significantly above that, does not hold if it is significantly below, and is "
        f"equivalent or inconclusive otherwise. Significant: {rule(FAMILY)}; {equivalence(MARGIN)} (around the tested value). "
        f"Other units have no margin, so their differences cannot be called equivalent.",
        "Runs that share training samples are paired by seed; all others have independent seeds.",
        INTERVALS,
        "sdzero makes several epochs of distillation, and so draws the whole budget. The paper's makes one: a row of Table 1.",
        "sdzero after SRT: the policy of an sdzero run after phase 1, as in the paper. Revision: accuracy of revised minus "
        "first responses of the same policy. Concentration: Gini coefficient of the token KLs, incorrect minus correct "
        "responses, over responses of all seeds.",
    ]
    claimed = [[*_row(f), f.claim.paper, *f.cells, f.verdict] for f in of_claims]
    asked = [[*_row(f), *f.cells, f.answer] for f in of_questions]
    measured = ["difference", "unit", "p (Holm)", "seeds"]
    open_questions: list[Block] = [
        Heading(level, "What the paper leaves open"),
        Table(["question", "after - before", "task", *measured, "better"], asked, left=3, called=0, whole=True),
        Notes([f"better: the row with the significantly higher avg. Significant: {rule(FAMILY)}."]),
    ]
    return [
        Notes([f"Preset {setting.preset}, model {_model(setting)}.", _made_from(setting, shelf)]),
        Heading(level, "The paper's claims"),
        Table(["claim", "after - before", "task", "paper", *measured, "verdict"], claimed, left=3, called=0, whole=True),
        Notes(notes),
        *paper_order(setting, shelf, level),
        *(open_questions if alone or _any_run(of_questions) else []),
    ]


def _any_run(found: Sequence[ClaimVerdict]) -> bool:
    return any(finding.decision is not None for finding in found)


def _model(setting: Setting) -> str:
    return cells(experiments()["table1"], setting)[0].config.model.name


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
