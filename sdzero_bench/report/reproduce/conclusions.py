"""What opens the page of the claims: how many hold where, who leads, and the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import counted, listed, percent
from sdzero_bench.report.leaderboard.pairs import Pair
from sdzero_bench.report.rendering.blocks import Block, Heading, Notes
from sdzero_bench.report.reproduce.cells import Setting
from sdzero_bench.report.reproduce.claims import ClaimVerdict
from sdzero_bench.report.reproduce.paper_order import AFTER_SRT, ONE_EPOCH, SDZERO

HOLDS, REFUTED = "holds", "does not hold"
EMBEDDED = "package:sdzero_bench."
"""How the names of models begin that come with this package."""


def conclusions(
    found: Sequence[tuple[Setting, Sequence[ClaimVerdict]]],
    beside: Sequence[Mapping[str, Mapping[str, Pair | None]]],
    single: Sequence[Mapping[str, Mapping[str, float]]],
    models: Sequence[str],
) -> list[Block]:
    """A line per preset and task, and the limits of all of them.

    Of each preset, `beside` are SD-Zero's differences from other methods (`beside_sdzero`), `single` its figures with one epoch
    (`one_epoch`), and `models` the base models.
    """
    lines = [
        f"Preset {setting.preset}, {task}: {_lead(leading[task]) if task in leading else ''}{_counted(verdicts)}"
        f"{_with_one_epoch(alone[task]) if task in alone else ''}"
        for (setting, verdicts_of_all), leading, alone in zip(found, beside, single, strict=True)
        for task, verdicts in _by_task(verdicts_of_all).items()
    ]
    limits = [
        "Each verdict is about one model, one task, one budget and these settings. It says nothing about other models.",
        f"Inconclusive does not mean that there is no difference: these seeds and questions cannot show one. Equivalent means "
        f"that it is smaller than {100 * MARGIN:g} points.",
    ]
    if all(model.startswith(EMBEDDED) for model in models):
        limits.append(
            "The embedded models have 1M parameters, and errors that were built in and are therefore known. They show how "
            "methods compare under these errors in these models, and that the code works. They are not evidence about models "
            "that read and reason."
        )
    return [Heading(2, "What can be concluded"), Notes(lines), Heading(2, "What cannot be concluded"), Notes(limits)]


def _lead(beside: Mapping[str, Pair | None]) -> str:
    """Such as `SD-Zero does not lead: of the paper's Table 1, sdft (9.5 pts) is significantly ahead of it. `"""
    above = {row: pair for row, pair in beside.items() if pair is not None and pair.difference.mean < 0}
    better = [_behind(row, pair) for row, pair in above.items() if pair.significant]
    unclear = [_behind(row, pair) for row, pair in above.items() if not pair.significant]
    if better:
        are = "is" if len(better) == 1 else "are"
        said = f"SD-Zero does not lead: of the paper's Table 1, {listed(better)} {are} significantly ahead of it. "
    else:
        said = "No method of the paper's Table 1 is significantly ahead of SD-Zero. "
    if unclear:
        said += f"{listed(unclear)} {'has a higher mean' if len(unclear) == 1 else 'have higher means'}, not significantly. "
    if absent := [row for row, pair in beside.items() if pair is None]:
        said += f"Not run: {listed(absent)}. "
    return said


def _behind(row: str, pair: Pair) -> str:
    return f"{row} ({-100 * pair.difference.mean:.1f} pts)"


def _with_one_epoch(avg: Mapping[str, float]) -> str:
    single, several, srt, base = (percent(avg[label]) for label in (ONE_EPOCH, SDZERO, AFTER_SRT, "base"))
    return (
        f" SD-Zero distils for several epochs here. With one, as in the paper, its avg is {single} % instead of {several} %; "
        f"the base has {base} %, and the policy after SRT {srt} %."
    )


def _by_task(verdicts: Sequence[ClaimVerdict]) -> dict[str, list[ClaimVerdict]]:
    found: dict[str, list[ClaimVerdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.task, []).append(verdict)
    return found


def _counted(verdicts: Sequence[ClaimVerdict]) -> str:
    """Such as `15 of 18 claims hold. 1 does not: SD-Zero is ahead of SDFT. 2 are inconclusive.`"""
    by_verdict: dict[str, list[str]] = {}
    for verdict in verdicts:
        by_verdict.setdefault(verdict.verdict.partition(" (")[0], []).append(verdict.claim.claim)
    holding = len(by_verdict.pop(HOLDS, []))
    said = [f"{holding} of {counted(len(verdicts), 'claim')} {'holds' if holding == 1 else 'hold'}."]
    if refuted := by_verdict.pop(REFUTED, []):
        said.append(f"{len(refuted)} {'does' if len(refuted) == 1 else 'do'} not: {'; '.join(refuted)}.")
    said += [f"{len(claims)} {'is' if len(claims) == 1 else 'are'} {word}." for word, claims in by_verdict.items()]
    return " ".join(said)
