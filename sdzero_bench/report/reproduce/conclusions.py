"""What opens the page of the claims: which hold where, and what none of that says."""

from __future__ import annotations

from collections.abc import Sequence

from sdzero_bench.core.stats.significance import MARGIN
from sdzero_bench.core.text import counted
from sdzero_bench.report.rendering.blocks import Block, Heading, Notes
from sdzero_bench.report.reproduce.cells import Setting
from sdzero_bench.report.reproduce.claims import ClaimVerdict

HOLDS = "holds"
EMBEDDED = "package:sdzero_bench."
"""How the names of models begin that come with this package."""


def conclusions(found: Sequence[tuple[Setting, Sequence[ClaimVerdict]]], models: Sequence[str]) -> list[Block]:
    """A line per preset and task, and the limits of all of them; `models` are the base models of the presets."""
    lines = [
        f"Preset {setting.preset}, {task}: {_counted(verdicts)}"
        for setting, verdicts_of_all in found
        for task, verdicts in _by_task(verdicts_of_all).items()
    ]
    limits = [
        "Each verdict is about one model, one task, one budget and these settings. It says nothing about other models.",
        f"Inconclusive does not mean that there is no difference: these seeds and questions cannot show one. Equivalent means "
        f"that it is smaller than {100 * MARGIN:g} points.",
    ]
    if all(model.startswith(EMBEDDED) for model in models):
        limits.append(
            "The embedded models have 1M parameters, and errors of a kind that is known because it was built in. They show "
            "under which errors a method learns more than another, and that the code works. They are no evidence about models "
            "that read and reason."
        )
    return [Heading(2, "What can be concluded"), Notes(lines), Heading(2, "What cannot be concluded"), Notes(limits)]


def _by_task(verdicts: Sequence[ClaimVerdict]) -> dict[str, list[ClaimVerdict]]:
    found: dict[str, list[ClaimVerdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.task, []).append(verdict)
    return found


def _counted(verdicts: Sequence[ClaimVerdict]) -> str:
    """Such as `15 of 18 claims hold. Does not hold: SD-Zero is ahead of SDFT. Inconclusive (underpowered): SRT is needed.`"""
    holding = sum(verdict.verdict == HOLDS for verdict in verdicts)
    others: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.verdict != HOLDS:
            others.setdefault(verdict.verdict, []).append(verdict.claim.claim)
    said = [f"{word[0].upper()}{word[1:]}: {'; '.join(claims)}." for word, claims in others.items()]
    return " ".join([f"{holding} of {counted(len(verdicts), 'claim')} {'holds' if holding == 1 else 'hold'}.", *said])
