"""Brackets in a list of tokens, and what separates the tokens outside of them."""

from __future__ import annotations

from sdzero_bench.verifiers.answers.symbols import CLOSING, OPENING
from sdzero_bench.verifiers.answers.tokens import NotAnAnswer, Piece


def closing_at(tokens: list[Piece], start: int) -> int | None:
    """The position of the bracket that closes the one at `start`, of whatever shape: [0, 1) is an interval."""
    depth = 0
    for position in range(start, len(tokens)):
        text = tokens[position].text
        if text in OPENING or text.startswith(r"\begin{"):
            depth += 1
        elif text in CLOSING or text.startswith(r"\end{"):
            depth -= 1
            if depth == 0:
                return position
    return None


def parts_of(tokens: list[Piece], separators: set[str], prose: bool = True) -> tuple[list[list[Piece]], list[Piece]]:
    """The tokens between separators that stand outside of all brackets, and the separators."""
    parts: list[list[Piece]] = [[]]
    between: list[Piece] = []
    depth = 0
    for token in tokens:
        if token.text in OPENING or token.text.startswith(r"\begin{"):
            depth += 1
        elif token.text in CLOSING or token.text.startswith(r"\end{"):
            depth -= 1
        if depth == 0 and token.text in separators and (token.kind != "word" or prose):
            between.append(token)
            parts.append([])
        else:
            parts[-1].append(token)
    return parts, between


def without_ends(tokens: list[Piece]) -> list[Piece]:
    """Without punctuation at the ends, and without braces, dollars or parentheses that hold all of it for no reason."""
    while tokens and (tokens[-1].text in (".", ",", ";") or (tokens[-1].text in "?!" and tokens[-1].prose)):
        tokens = tokens[:-1]
    while tokens and tokens[0].text in (",", ";", ":", ".", r"\therefore", r"\implies", r"\Rightarrow"):
        tokens = tokens[1:]
    while len(tokens) > 2 and tokens[0].text == "{" and closing_at(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    if not tokens:
        raise NotAnAnswer("nothing to read")
    return tokens
