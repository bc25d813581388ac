"""A response token by token on the terminal: coloured by reward, beside its revision if there is room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.style import Style
from rich.table import Table
from rich.text import Text

from sdzero_bench.core.text import printable
from sdzero_bench.report.tokens.token_view import LIGHT, Look, Token, legend, level, top
from sdzero_bench.report.verdict_text import colour, explain

if TYPE_CHECKING:
    from sdzero_bench.records.journal import Sample

WIDE = 100
"""Minimum width of the terminal, in columns, to show the two responses side by side."""
TOP = 10
"""Number of tokens in the table of the largest divergences."""


def show(look: Look, console: Console) -> None:
    """Print the response, its revision and the tokens with the most divergence."""
    for part in _parts(look, console.width):
        console.print(part)


def _parts(look: Look, width: int) -> Iterator[RenderableType]:
    yield Rule(Text(f"{look.sample.phase}  {look.sample.key}", style="bold"), align="left")
    yield _described(look)
    panels = [_panel(f"response of {look.student}", _coloured(look.tokens), look.sample)]
    if look.revisions:
        panels.append(_revision(look))
    if width < WIDE or len(panels) == 1:
        yield from panels
    else:
        beside = Table.grid(padding=(0, 1), expand=True)
        for _ in panels:
            beside.add_column(ratio=1)
        beside.add_row(*panels)
        yield beside
    if rows := top(look.tokens, TOP):
        yield _numbers(rows, sum(token.kl for token in look.tokens))
    read = f"what {look.reviser} reads before the second copy of the response"
    yield Panel(Text(printable(look.context).rstrip(), style="dim"), title=Text(read), title_align="left")


def _described(look: Look) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    table.add_row("question", Text(printable(look.question.strip("\n"))))
    table.add_row("values", Text(f"{look.source}: {look.summary()}"))
    table.add_row("colour", _legend())
    said = "log student - log reviser, in nats; orange: less likely under the reviser; blue: more likely"
    table.add_row("", Text(f"{said}; student: {look.student}, reviser: {look.reviser}", style="dim"))
    return table


def _legend() -> Text:
    text = Text()
    for strength, words in legend():
        if strength == 1:
            text.append(" around 0 ")
        # The words of a level stay on one line.
        text.append(f" {words} ".replace(" ", "\N{NO-BREAK SPACE}"), _style(strength)).append(" ")
    return text


def _coloured(tokens: tuple[Token, ...]) -> Text:
    text = Text()
    for token in tokens:
        # Line breaks are shown too, since they may be the tokens that matter.
        text.append(printable(token.text).replace("\n", "↵\n") or "·", _style(level(token.reward)))
    return text


def _style(strength: int) -> Style | None:
    """Sets both colours, so that the terminal's own do not matter; the strongest levels also stand out without colour."""
    if not strength:
        return None
    text, ground = LIGHT[strength]
    return Style(color=text, bgcolor=ground, bold=abs(strength) >= 3 or None, underline=abs(strength) == 4 or None)


def _panel(title: str, body: Text, sample: Sample) -> Panel:
    truncated = " (truncated at the token limit)" if sample.truncated else ""
    said = Text(_on_one_line(explain(sample.verdict)), style=colour(sample.verdict))
    return Panel(body, title=Text(title + truncated), title_align="left", subtitle=said, subtitle_align="left")


def _revision(look: Look) -> Panel:
    first, *others = look.revisions
    more = f", 1 of {len(others) + 1}" if others else ""
    return _panel(f"revision by {first.policy}{more}", Text(printable(first.text)), first)


def _numbers(rows: list[tuple[int, Token]], total: float) -> Table:
    table = Table(box=None, header_style="bold", title="largest divergences", title_justify="left")
    for name in ("position", "token", "kl", "share", "reward"):
        table.add_column(name, justify="left" if name == "token" else "right")
    for place, token in rows:
        text = Text(_on_one_line(token.text) or "(part of a character)", style=_style(level(token.reward)) or "")
        table.add_row(str(place), text, f"{token.kl:.3f}", f"{100 * token.kl / total:.1f} %", f"{token.reward:+.3f}")
    return table


def _on_one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")
