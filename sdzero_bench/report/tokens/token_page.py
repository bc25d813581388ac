"""A response token by token as a self-contained HTML page, without scripts or network access, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdzero_bench.core.text import printable
from sdzero_bench.report.tokens.token_view import DARK, LIGHT, Look, Token, legend, level, top
from sdzero_bench.report.verdict_text import explain, outcome

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample

TOP = 20
"""Number of tokens in the table of the largest divergences."""


def page(look: Look) -> str:
    """The page as HTML. Model-written text is escaped, and non-printing characters are spelled out."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("sdzero_bench.report.rendering")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    total = sum(token.kl for token in look.tokens)
    return environment.get_template("tokens.html.j2").render(
        look=look,
        sample=look.sample,
        question=printable(look.question),
        context=printable(look.context),
        verdict=_verdict(look.sample),
        tokens=[_token(place, token) for place, token in enumerate(look.tokens, start=1)],
        revision=look.revisions and {**_verdict(look.revisions[0]), "text": printable(look.revisions[0].text)},
        legend=[(_name(strength), words, strength == 1) for strength, words in legend()],
        top=[{**_token(place, token), "share": f"{100 * token.kl / total:.1f}"} for place, token in top(look.tokens, TOP)],
        themes=[{_name(strength): colours for strength, colours in theme.items()} for theme in (LIGHT, DARK)],
    )


def _token(place: int, token: Token) -> dict[str, object]:
    text = printable(token.text)
    spelled = text.replace("\n", "\\n").replace("\t", "\\t") or "(part of a character)"
    kl, reward = f"{token.kl:.3f}", f"{token.reward:+.3f}"
    return {
        "place": place,
        "lines": text.split("\n"),
        "spelled": spelled,
        "kl": kl,
        "reward": reward,
        "level": _name(level(token.reward)),
        "tip": f"{place}: {spelled}   kl {kl}   reward {reward}",
    }


def _name(strength: int) -> str:
    """The class in the style sheet; empty for a token without colour."""
    return f"{'p' if strength > 0 else 'n'}{abs(strength)}" if strength else ""


def _verdict(sample: Sample) -> dict[str, str]:
    return {"outcome": outcome(sample.verdict).split(":")[0].split()[0], "said": printable(explain(sample.verdict))}
