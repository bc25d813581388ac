"""A response token by token: student and reviser compared on each token, and the colour that shows it.

The paper's Figure 4: token reward = log student(y_t | x, y_<t) - log reviser(y_t | x, y, P_r, y_<t).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from sdzero_bench.core.stats.concentration import buckets, concentration
from sdzero_bench.report.verdict_text import explain, outcome

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample


class Token(NamedTuple):
    text: str
    """Empty for a token that is only part of a character, which a later token completes."""
    kl: float
    """kl(student, reviser) at its position, in nats."""
    reward: float
    """log student - log reviser of the token itself, in nats."""


@dataclass(frozen=True)
class Look:
    """One response compared with its reviser, and the revisions of it."""

    sample: Sample
    question: str
    student: str
    reviser: str
    """Names of the checkpoints."""
    source: str
    """Where the values come from."""
    context: str
    """What the reviser reads before the response's second copy, special tokens included."""
    tokens: tuple[Token, ...]
    revisions: tuple[Sample, ...]
    """Journaled revisions of the response; the first is shown."""

    def summary(self) -> str:
        """`18 tokens, 2.31 nats of kl(student, reviser); 81 % of it on the top 5 % of tokens; Gini 0.87`"""
        kl = [token.kl for token in self.tokens]
        total = f"{len(kl):,} tokens, {sum(kl):.2f} nats of kl(student, reviser)"
        if not sum(kl):
            return total
        return f"{total}; {100 * buckets(kl)[0]:.0f} % of it on the top 5 % of tokens; Gini {concentration(kl):.2f}"

    def as_dict(self) -> dict[str, object]:
        return {
            "phase": self.sample.phase,
            "sample": self.sample.key,
            "question": self.question,
            "student": self.student,
            "reviser": self.reviser,
            "source": self.source,
            "context": self.context,
            "outcome": outcome(self.sample.verdict),
            "verdict": explain(self.sample.verdict),
            "tokens": [token._asdict() for token in self.tokens],
            "revisions": [{**asdict(s), "verdict": explain(s.verdict)} for s in self.revisions],
        }


def top(tokens: tuple[Token, ...], count: int) -> list[tuple[int, Token]]:
    """The tokens with the largest divergence in descending order, each with its position, counted from 1."""
    placed = sorted(enumerate(tokens, start=1), key=lambda item: -item[1].kl)
    return [(place, token) for place, token in placed[:count] if token.kl > 0]


LEVELS = (0.1, 0.5, 1.0, 2.0)
"""Thresholds in nats: a token is coloured from the first on, and more strongly from each further one."""


def level(reward: float) -> int:
    """-4 to 4: how strongly a token is coloured. Positive: the token is more likely under the student than the reviser."""
    strength = bisect_right(LEVELS, abs(reward))
    return strength if reward > 0 else -strength


LIGHT = {
    4: ("#ffffff", "#a83f06"),
    3: ("#000000", "#f28e2b"),
    2: ("#000000", "#fdc38d"),
    1: ("#000000", "#fee9d6"),
    -1: ("#000000", "#e1ecf8"),
    -2: ("#000000", "#a9cdee"),
    -3: ("#000000", "#62a0d9"),
    -4: ("#ffffff", "#1b5592"),
}
"""Text and background colour by level. Orange and blue are distinguishable with any colour vision; the colours are for a white
page, and legible on any terminal, since both are set."""
DARK = {
    4: ("#000000", "#ff9f45"),
    3: ("#ffffff", "#9c4f06"),
    2: ("#ffffff", "#6b3c0e"),
    1: ("#ffffff", "#3d2a17"),
    -1: ("#ffffff", "#16293d"),
    -2: ("#ffffff", "#1d456e"),
    -3: ("#ffffff", "#2b66a1"),
    -4: ("#000000", "#86c0f5"),
}


def legend() -> list[tuple[int, str]]:
    """The coloured levels in ascending order, each with its range in words."""
    between = [(f"{low:g}", f"{high:g}") for low, high in pairwise(LEVELS)]
    above = [f"{low} to {high}" for low, high in between] + [f"over {LEVELS[-1]:g}"]
    below = [f"-{high} to -{low}" for low, high in between] + [f"under -{LEVELS[-1]:g}"]
    return [*reversed([(-s, words) for s, words in enumerate(below, start=1)]), *enumerate(above, start=1)]
