"""A response token by token: what student and reviser made of each, and how strongly it is coloured.

The paper's Figure 4: token reward = log student(y_t | x, y_<t) - log reviser(y_t | x, y, P_r, y_<t).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from sdzero_bench.core.stats.concentration import buckets, concentration
from sdzero_bench.report.verdict_text import explain, outcome

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample


class Token(NamedTuple):
    text: str
    """Empty for a token whose character a later one completes."""
    kl: float
    """kl(student, reviser) before it, in nats."""
    reward: float
    """log student - log reviser of the token itself, in nats."""


@dataclass(frozen=True)
class Look:
    """One response, what its reviser makes of it, and what became of it when it was revised."""

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
    """Revisions of the response that are journaled; the first is the one to show."""

    def summary(self) -> str:
        """`18 tokens, 2.31 nats of kl(student, reviser); 81 % of it on the twentieth that has most; Gini 0.87`"""
        kl = [token.kl for token in self.tokens]
        total = f"{len(kl):,} tokens, {sum(kl):.2f} nats of kl(student, reviser)"
        if not sum(kl):
            return total
        return f"{total}; {100 * buckets(kl)[0]:.0f} % of it on the twentieth that has most; Gini {concentration(kl):.2f}"

    def as_dict(self) -> dict[str, Any]:
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
    """The tokens with most divergence, first the most, each with its place, counted from 1."""
    placed = sorted(enumerate(tokens, start=1), key=lambda item: -item[1].kl)
    return [(place, token) for place, token in placed[:count] if token.kl > 0]


LEVELS = (0.1, 0.5, 1.0, 2.0)
"""Nats from which on a token is coloured, and then more strongly."""


def level(reward: float) -> int:
    """-4 to 4: how strongly a token is coloured. Positive: the student found it likelier than the reviser does."""
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
"""Colour of text and ground by level, orange against blue, which all eyes tell apart; made for a white page, and legible in any
terminal, since both colours are set."""
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
    """Each level that has a colour, from the lowest, in words."""
    between = [(f"{low:g}", f"{high:g}") for low, high in pairwise(LEVELS)]
    above = [f"{low} to {high}" for low, high in between] + [f"over {LEVELS[-1]:g}"]
    below = [f"-{high} to -{low}" for low, high in between] + [f"under -{LEVELS[-1]:g}"]
    return [*reversed([(-s, words) for s, words in enumerate(below, start=1)]), *enumerate(above, start=1)]
