"""The page of the dial: its tables, notes and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sdzero_bench.core.stats.footnotes import INTERVALS, marks
from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import listed, percent, with_interval
from sdzero_bench.report.rendering.blocks import DASH, Block, Figure, Heading, Notes, Table
from sdzero_bench.tasks.micro_world.care import Care
from tools.dial.advantages import OTHERS, OURS, PRESET, World
from tools.dial.dial_worlds import NAMES, accuracy, problems
from tools.dial.figures import PAPER
from tools.dial.other_model import LABELS, Means
from tools.micro_model.worlds import HABITS
from tools.micro_model.worlds import World as Texts

COMMAND = "python -m tools.dial"

FIGURES = ("errors", "second_looks")


def blocks(
    by_error: Sequence[World],
    by_look: Sequence[World],
    made: Mapping[str, Texts],
    models: tuple[Means, Means] | None = None,
) -> list[Block]:
    """`models`: means of the last world of the first axis, and of the leaderboards' model."""
    paper = ", ".join(f"{name} {gap:.1f}" for name, gap in PAPER.items())
    worlds = {world.name: world for world in (*by_error, *by_look)}
    missing = [name for name in NAMES if name not in worlds]
    without = f" (not {listed(missing)})" if missing else ""
    drafts = [100 * accuracy(made[name].draft, problems()) for name in worlds]
    accuracies = [100 * world.avg.mean for world in worlds.values()]
    return [
        Heading(1, "SD-Zero's advantage by type of error"),
        Notes(
            [
                f"{len(worlds)} of {len(NAMES)} worlds have been run{without}. Each is one embedded model, trained on its own "
                "texts about sums. Wrong drafts in these texts are due to slips, which are random and independent, or to a "
                f"habit. A habit is followed {100 * HABITS.draft.habit:.0f} % of the time, and always gives the same wrong "
                "result. Worlds with fewer habitual errors have more slips, so that in the texts of every world "
                f"{min(drafts):.0f} to {max(drafts):.0f} % of the drafts are right. The trained models are only roughly equal: "
                f"avg@8 is {min(accuracies):.1f} to {max(accuracies):.1f} %.",
                "Each world has one model, so differences between worlds may be due to chance in training it.",
                f"Task micro-arith, settings of the preset {PRESET}, tuned for no method; {measured_on([*worlds.values()])}.",
                "The models show how the methods of this suite behave under known errors. They do not show how real models "
                "err, or how good their revisions are.",
            ]
        ),
        Heading(2, "Results by type of error"),
        Figure(FIGURES[0], f"{OURS} minus other methods against the base's pass@8 - avg@8"),
        _table(by_error, made, "errors"),
        Notes(
            [
                "from-d: by habit, a carry is forgotten if the number added or subtracted ends in d or more; from-10: never.",
                "slips: probability of a random error in each step that the habit does not affect, set so that drafts are "
                "right equally often in all worlds. without slips: share of drafts that would be right if habits were the only "
                "errors.",
                f"Dotted lines: pass@8 - avg@8 of the paper's bases on its math subset, in points ({paper}). The gap alone "
                "does not predict what SD-Zero would gain on these bases.",
                *_notes(),
            ]
        ),
        *(_of_looks(by_look, made) if len(by_look) > 1 else ()),
        *(_of_models(by_error[-1].name, *models) if models else ()),
    ]


def _of_models(world: str, ours: Means, theirs: Means) -> list[Block]:
    headings = ["model", *(f"{label} (%)" for label in LABELS), *(f"{OURS} - {other} (pts)" for other in OTHERS)]
    rows = [
        [name, *(percent(means[label]) for label in LABELS), *(f"{100 * (means[OURS] - means[o]):.1f}" for o in OTHERS)]
        for name, means in ((world, ours), ("leaderboards", theirs))
    ]
    return [
        Heading(2, "Two models of nearly the same errors"),
        Table(headings, rows),
        Notes(
            [
                f"avg@8 of {world}'s model and of the leaderboards' model, which was trained on texts with nearly the same "
                "errors and on programs too. Same test questions and seeds, means over both.",
                "This one pair is the only estimate of how much a difference in one world depends on its model.",
            ]
        ),
    ]


def _of_looks(by_look: Sequence[World], made: Mapping[str, Texts]) -> list[Block]:
    return [
        Heading(2, "Results by how careful revisions are"),
        Figure(FIGURES[1], f"{OURS} minus other methods against how often a redone attempt follows the habit"),
        _table(by_look, made, "looks"),
        Notes(
            [
                f"All with the drafts of {by_look[0].name}. In the texts, a second attempt repeats a wrong draft "
                f"{100 * HABITS.repeat_when_wrong:.0f} % of the time. habit when redone: probability that any other "
                "second attempt follows the habit, where the habit applies.",
                *_notes(),
            ]
        ),
    ]


def measured_on(worlds: Sequence[World]) -> str:
    """Test questions and seeds, which are the same in all worlds unless one is unfinished."""
    questions = sorted({world.questions for world in worlds})
    seeds = sorted({number for world in worlds for number in world.seeds})
    return f"{' or '.join(map(str, questions))} test questions and {' or '.join(map(str, seeds))} seeds per method"


def _notes() -> list[str]:
    family = f"the comparisons of {OURS} with {', '.join(OTHERS)} in the {len(NAMES)} worlds of the dial"
    return [
        "corrected: share of the base's wrong responses that its revision corrects. kept: share of its right responses that "
        "are still right after revision.",
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
                *(_draft_columns(texts.draft) if kind == "errors" else [f"{100 * texts.revision.habit:.0f}"]),
                with_interval(world.avg.mean, world.avg.interval),
                with_interval(world.best.mean, world.best.interval),
                f"{100 * world.gap:.1f}",
                *(map(percent, world.revises) if world.revises else (DASH, DASH)),
                percent(world.rows[OURS].mean),
                *(
                    with_interval(pairs[o].difference.mean, pairs[o].difference.interval) + pairs[o].mark
                    if o in pairs
                    else DASH
                    for o in OTHERS
                ),
            ]
        )
    dial = ["slips (%)", "without slips (%)"] if kind == "errors" else ["habit when redone (%)"]
    of_base = ["avg@8 (%)", "pass@8 (%)", "pass@8 - avg@8 (pts)", "corrected (%)", "kept (%)"]
    figures = [*(f"base {figure}" for figure in of_base), f"{OURS} (%)"]
    return Table(["world", *dial, *figures, *(f"{OURS} - {other} (pts)" for other in OTHERS)], rows)


def _draft_columns(care: Care) -> list[str]:
    return [f"{100 * care.plain:.1f}", f"{100 * _without_slips(care):.0f}"]


def _without_slips(care: Care) -> float:
    return accuracy(replace(care, tricky=0.0, plain=0.0), problems())


def as_data(world: World, texts: Texts) -> dict[str, Any]:
    return {
        "world": world.name,
        "draft": {**vars(texts.draft), "accuracy_without_slips": _without_slips(texts.draft)},
        "revision": vars(texts.revision),
        "base": {"avg": world.avg.as_dict(), "pass": world.best.as_dict(), "revises": world.revises},
        "methods": {label: found.as_dict() for label, found in world.rows.items()},
        "differences": {
            pair.before.partition("/")[2]: {**pair.difference.as_dict(), "p_holm": pair.p_holm, "decision": pair.decision}
            for pair in world.pairs
        },
    }
