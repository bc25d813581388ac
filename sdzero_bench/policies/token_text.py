"""The text of each token, such that the texts concatenate to the text of the response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


def pieces(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """One text per token, special tokens included. A token that ends within a character has an empty text; the token that
    completes the character has all of it. Bytes that never form a character belong to the last token.

    Each token is decoded together with the one before it, since its text may depend on that (spaces, characters of several
    tokens). Decoding the whole prefix for every token would take quadratic time.
    """
    found: list[str] = []
    before, done = 0, 0  # tokens from `before` to `done` are decoded already, and only give the context

    def decoded(start: int, end: int) -> str:
        ours = list(ids[start:end])
        return cast("str", tokenizer.decode(ours, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    for end in range(1, len(ids) + 1):
        known, whole = decoded(before, done), decoded(before, end)
        if whole.endswith(_UNFINISHED) and end < len(ids) and end - done < 4:  # a character has at most 4 bytes
            found.append("")
        else:
            found.append(whole[len(known) :])
            before, done = done, end
    return found
