"""The page of the dial: its tables, notes and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sdzero_bench.core.stats.footnotes import INTERVALS, marks
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import percent, with_interval
from sdzero_bench.report.rendering.blocks import DASH, Block, Figure, Heading, Notes, Table
from tools.dial.advantages import OTHERS, OURS, World
from tools.dial.figures import PAPER
from tools.micro_model.worlds import World as Texts

WRITTEN_BY = "<!-- Written by `python -m tools.dial`; what is edited here is lost. -->"

FIGURES = ("errors", "second_looks")


def blocks(by_error: Sequence[World], by_look: Sequence[World], made: Mapping[str, Texts]) -> list[Block]:
    paper = ", ".join(f"{name} {gap:.1f}" for name, gap in PAPER.items())
    return [
        Heading(1, "The dial: when are revisions worth more than filtering?"),
        Notes(
            [
                "Each world is an embedded model that was built from other texts about sums. In all of them a first draft is "
                "right about half of the time. They differ in how the others are wrong: by slips, which are random and "
                "independent, or by a habit, which is wrong in the same way each time.",
                "The models show how the methods of this suite behave where errors are known. They say nothing about how real "
                "models err, nor whether a real model's second look is as good as the one that was written into these texts.",
            ]
        ),
        Heading(2, "By how the base errs"),
        Figure(FIGURES[0], f"{OURS} minus other methods against the base's pass@8 - avg@8"),
        _table(by_error, made, "errors"),
        Notes(
            [
                "from-d: a carry is forgotten where the number added or taken away ends in d or more; from-10: nowhere. slips: "
                "probability of a random error in every other step, set so that drafts of all worlds are as often right.",
                f"pass@8 - avg@8 of the paper's bases on its math subset, in points: {paper}.",
                *_notes(),
            ]
        ),
        Heading(2, "By how careful second looks are"),
        Figure(FIGURES[1], f"{OURS} minus other methods against how often a second look repeats the habit"),
        _table(by_look, made, "looks"),
        Notes(["All in the world of the most habits. second look: the probability that it follows the habit too.", *_notes()]),
    ]


def _notes() -> list[str]:
    family = f"all comparisons of {OURS} with {', '.join(OTHERS)} on this page"
    return [
        "base revises: of its wrong responses, those that it revises into right ones; of its right ones, those that stay so.",
        INTERVALS,
        f"Differences: {marks(family, MARGIN)}",
    ]


def _table(worlds: Sequence[World], made: Mapping[str, Texts], kind: str) -> Table:
    rows = []
    for world in worlds:
        pairs = {pair.before.partition("/")[2]: pair for pair in world.pairs}
        texts = made[world.name]
        rows.append(
            [
                world.name,
                f"{100 * texts.draft.plain:.1f}" if kind == "errors" else f"{100 * texts.revision.habit:.0f}",
                with_interval(world.avg.mean, world.avg.interval),
                with_interval(world.best.mean, world.best.interval),
                f"{100 * world.gap:.1f}",
                " / ".join(map(percent, world.revises)) if world.revises else DASH,
                percent(world.rows[OURS].mean),
                *(
                    with_interval(pairs[o].difference.mean, pairs[o].difference.interval) + pairs[o].mark
                    if o in pairs
                    else DASH
                    for o in OTHERS
                ),
            ]
        )
    dial = "slips (%)" if kind == "errors" else "second look (%)"
    figures = ["base avg@8 (%)", "base pass@8 (%)", "gap (pts)", "base revises (%)", f"{OURS} (%)"]
    return Table(["world", dial, *figures, *(f"{OURS} - {other} (pts)" for other in OTHERS)], rows)


def as_data(world: World, texts: Texts) -> dict[str, Any]:
    return {
        "world": world.name,
        "draft": vars(texts.draft),
        "revision": vars(texts.revision),
        "base": {"avg": world.avg.as_dict(), "pass": world.best.as_dict(), "revises": world.revises},
        "methods": {label: found.as_dict() for label, found in world.rows.items()},
        "differences": {
            pair.before.partition("/")[2]: {**pair.difference.as_dict(), "p_holm": pair.p_holm, "decision": pair.decision}
            for pair in world.pairs
        },
    }
