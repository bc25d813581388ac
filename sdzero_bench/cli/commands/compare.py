"""`sdzero-bench compare`: two runs, question by question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.options import AsJson

if TYPE_CHECKING:
    from sdzero_bench.report.leaderboard.comparison import Change, Comparison


def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="Folder of a finished run, or its packed record.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="A second run on the same test questions.")],
    policy: Annotated[
        str | None, typer.Option(help="Policy to compare. Default: final, or base if nothing else was measured.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Number of questions to show in each direction.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare two runs question by question: B - A with its interval, and the questions that became right or wrong.

    A question counts as right if at least half of its samples are right. Each
    side is one run, and so one seed: the interval covers the variation over
    questions, not over training seeds. `sdzero-bench report` combines several
    seeds.

    With --json, the document holds all questions.

    Examples:

    sdzero-bench compare runs/rft-micro-arith-s0-20260101-120000 \\
        runs/sdzero-micro-arith-s0-20260101-130000

    sdzero-bench compare runs/sdzero-micro-code-s0-20260101-120000 \\
        runs/sdzero-micro-code-s1-20260101-130000 --policy srt

    sdzero-bench compare runs/rft-micro-arith-s0-20260101-120000 \\
        runs/sdzero-micro-arith-s0-20260101-130000 --json
    """
    from sdzero_bench.records.reader import load_run
    from sdzero_bench.report.leaderboard.comparison import compare_runs

    comparison = compare_runs(load_run(run_a), load_run(run_b), policy)
    if as_json:
        typer.echo(json.dumps(comparison.as_dict(), indent=2, ensure_ascii=False))
        return
    for warning in comparison.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo("\n".join(_summary(comparison)))
    for title, changes in (("From wrong to right", comparison.gained), ("From right to wrong", comparison.lost)):
        typer.echo("\n" + "\n".join(_shown(title, changes, limit)))


def _summary(comparison: Comparison) -> list[str]:
    from sdzero_bench.core.text import counted, with_interval
    from sdzero_bench.report.leaderboard.leaderboard_notes import probability

    sides = [("A", comparison.before), ("B", comparison.after)]
    lines = [
        f"{name}  {side.run.run_id}, policy {side.policy}: avg (%) {with_interval(side.avg.mean, side.avg.interval)}"
        for name, side in sides
    ]
    d = comparison.difference
    return [
        *lines,
        f"B - A  {with_interval(d.mean, d.interval)} pts over {counted(comparison.questions, 'question')}, "
        f"p = {probability(comparison.p)} (one seed per side: covers questions only)".replace("= <", "<"),
        *_undecided(comparison),
    ]


def _undecided(comparison: Comparison) -> list[str]:
    from sdzero_bench.core.stats.footnotes import points
    from sdzero_bench.core.stats.significance import DECIDED, MARGIN

    if comparison.decision in DECIDED:
        return []
    if comparison.decision == "equivalent":
        return [f"The two are equivalent within {points(MARGIN)} (two one-sided tests, p < 0.05)."]
    size = (
        f"; a difference of {100 * comparison.detectable:.1f} points would be found in 80 % of cases"
        if comparison.detectable
        else ""
    )
    return [f"Inconclusive: too few questions to tell whether the two differ or are equivalent within {points(MARGIN)}{size}."]


def _shown(title: str, changes: Sequence[Change], limit: int) -> list[str]:
    from sdzero_bench.core.text import counted

    more = f", showing the first {limit}" if len(changes) > limit else ""
    lines = [f"{title}: {counted(len(changes), 'question')}{more}"]
    for change in changes[:limit]:
        lines += [
            f"\n  {change.id}: {100 * change.before:.0f} % to {100 * change.after:.0f} % of the samples right",
            _indented("question", change.text),
            _indented("answer", change.answer),
            _indented("A", change.response_before or "(no verified sample to show)"),
            _indented("B", change.response_after or "(no verified sample to show)"),
        ]
    return lines


def _indented(name: str, text: str) -> str:
    return f"    {name:<9} " + "\n              ".join(text.strip().splitlines() or [""])
