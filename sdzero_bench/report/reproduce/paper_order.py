"""The order of methods in the paper's Table 1, and whether it holds in the available runs."""

from __future__ import annotations

from collections import defaultdict

from sdzero_bench.core.stats.footnotes import INTERVALS, equivalence, rule
from sdzero_bench.core.stats.significance import MARGIN, UNDECIDED
from sdzero_bench.core.text import with_interval
from sdzero_bench.report.leaderboard.comparison_notes import pairing
from sdzero_bench.report.leaderboard.pairs import Pair, compared
from sdzero_bench.report.rendering.blocks import DASH, Block, Heading, Notes, Table
from sdzero_bench.report.reproduce.cells import Setting, cells
from sdzero_bench.report.reproduce.experiment import Experiment, experiments
from sdzero_bench.report.reproduce.row_figures import measure
from sdzero_bench.report.reproduce.shelf import Shelf

EXPERIMENT, COLUMN = "table1", "average"
TITLE = "The paper's order of methods"
SDZERO = "sdzero"
ONE_EPOCH = "sdzero, one epoch"
AFTER_SRT = "sdzero after SRT"
VERDICTS = {"higher": "holds", "lower": "reversed", **UNDECIDED}

ORDER = (
    (SDZERO, "base"),
    (SDZERO, AFTER_SRT),
    (SDZERO, "rft"),
    (SDZERO, "grpo"),
    (SDZERO, "sdft"),
    (SDZERO, "sft"),
    (AFTER_SRT, "rft"),
    ("rft", "grpo"),
    ("grpo", "sdft"),
    ("sdft", "sft"),
    ("sft", "base"),
)
"""Rows of Table 1, the one that is higher in the paper first: SD-Zero against all, then each against the next."""


def paper_order(setting: Setting, shelf: Shelf, level: int = 2) -> list[Block]:
    """A section: each pair with the paper's difference, ours and a verdict, on each task that was trained on."""
    experiment = experiments()[EXPERIMENT]
    theirs = experiment.paper[0]
    found = _pairs(experiment, setting, shelf)
    tasks = list(dict.fromkeys(task for task, _, _ in found))
    rows = []
    for after, before in ORDER:
        paper = theirs.columns[COLUMN]
        row = [f"{after} - {before}", f"{paper[after] - paper[before]:.1f}"]
        for task in tasks:
            pair = found[task, after, before]
            row += [DASH, "not run"] if pair is None else [_difference(pair), VERDICTS[pair.decision]]
        rows.append(row)
    headings = ["after - before", "paper (pts)", *(text for task in tasks for text in (f"{task} (pts)", "verdict"))]
    return [
        Heading(level, TITLE),
        Table(headings, rows),
        Notes(
            [
                f"paper: {theirs.setting}. The order holds if the difference is significantly above 0, is reversed if it is "
                f"significantly below, and is equivalent or inconclusive otherwise. Significant: "
                f"{rule('all differences of this table')}; {equivalence(MARGIN)}.",
                *pairing([pair for pair in found.values() if pair]),
                "sdzero after SRT: the policy of the sdzero runs after phase 1, the paper's SRT. " + INTERVALS,
            ]
        ),
    ]


def beside_sdzero(setting: Setting, shelf: Shelf) -> dict[str, dict[str, Pair | None]]:
    """By task on which `sdzero` was compared with anything: its difference from each row; None for one that was not run."""
    found: dict[str, dict[str, Pair | None]] = defaultdict(dict)
    for (task, after, before), pair in _pairs(experiments()[EXPERIMENT], setting, shelf).items():
        if after == SDZERO:
            found[task][before] = pair
    return {task: pairs for task, pairs in found.items() if any(pairs.values())}


def one_epoch(setting: Setting, shelf: Shelf) -> dict[str, dict[str, float]]:
    """avg of SD-Zero with one epoch of distillation, as in the paper, and of what to hold it against, by task and row.

    Tasks that lack one of them are left out.
    """
    found = {}
    for figures in measure(experiments()[EXPERIMENT], cells(experiments()[EXPERIMENT], setting), shelf):
        rows = {label: figures.row(label) for label in (ONE_EPOCH, SDZERO, AFTER_SRT, "base")}
        if all(rows.values()):
            found[figures.task] = {label: float(row.row.avg.mean()) for label, row in rows.items() if row}
    return found


def _pairs(experiment: Experiment, setting: Setting, shelf: Shelf) -> dict[tuple[str, str, str], Pair | None]:
    """By task, after and before; None if runs are missing. All of them are one family."""
    measured = measure(experiment, cells(experiment, setting), shelf)
    rows = {f"{figures.task} {row.label}": row.row for figures in measured for row in figures.rows}
    wanted = {(f.task, after, before): (f"{f.task} {before}", f"{f.task} {after}") for f in measured for after, before in ORDER}
    available = {key: names for key, names in wanted.items() if set(names) <= rows.keys()}
    absent = len(wanted) - len(available)
    return dict.fromkeys(wanted) | dict(zip(available, compared(rows, list(available.values()), absent), strict=True))


def _difference(pair: Pair) -> str:
    return with_interval(pair.difference.mean, pair.difference.interval)
