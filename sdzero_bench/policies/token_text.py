"""The text of each token, so that all of them together are the text of the response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


def pieces(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """One text a token, special tokens included. A token that ends within a character has none: the one that completes the
    character has all of it. What never becomes a character is left to the last token.

    Each token is decoded behind the one before it, since what it looks like may depend on that (spaces, characters of several
    tokens); decoding all from the start for each would take the square of the time.
    """
    found: list[str] = []
    before, done = 0, 0  # the tokens from `before` to `done` are decoded already, and are there for their effect alone

    def decoded(start: int, end: int) -> str:
        return tokenizer.decode(list(ids[start:end]), skip_special_tokens=False, clean_up_tokenization_spaces=False)

    for end in range(1, len(ids) + 1):
        known, whole = decoded(before, done), decoded(before, end)
        if whole.endswith(_UNFINISHED) and end < len(ids) and end - done < 4:  # a character has at most 4 bytes
            found.append("")
        else:
            found.append(whole[len(known) :])
            before, done = done, end
    return found
