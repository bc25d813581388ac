"""Names of others as text in figures of matplotlib."""

from __future__ import annotations

import textwrap

WIDEST = 36
"""Characters of a line in a legend; a long name on one line would leave no room for the axes."""


def as_written(text: str) -> str:
    """What matplotlib shows as `text` itself: else two dollar signs make a formula of what is between them, or an error."""
    return text.replace("$", r"\$")


def in_lines(text: str) -> str:
    """The same for a legend."""
    return as_written(textwrap.fill(text, WIDEST))
