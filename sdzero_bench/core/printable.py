"""What a model wrote, made harmless: it may hold escape sequences, or characters that turn the direction of a line."""

from __future__ import annotations


def printable(text: str) -> str:
    """With what does not print, but for line breaks and tabs, as an escape such as \\x1b."""
    return "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)
