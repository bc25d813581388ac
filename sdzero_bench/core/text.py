"""Text for terminals, tables and figures."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

LEGEND_WIDTH = 36
"""Characters per line of a legend; a long name on one line would leave no room for the axes."""


def percent(value: float | None) -> str:
    """A share in [0, 1] as a percentage with one decimal; "-" for None."""
    return "-" if value is None else f"{100 * value:.1f}"


def numeric_order(names: Iterable[str]) -> list[str]:
    """Sorted, numbers by their value: test-2 before test-10."""
    return sorted(names, key=lambda name: [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)])


def listed(names: Sequence[str]) -> str:
    """Such as `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(number: float, noun: str, plural: str | None = None) -> str:
    """A number and what it counts, such as `1 question` and `1,200 questions`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def with_interval(value: float, interval: list[float], scale: float = 100, digits: int = 1) -> str:
    """A value and its [low, high], multiplied by `scale`, such as `27.3 [24.8, 30.1]`."""
    middle, low, high = (f"{scale * number:z.{digits}f}" for number in (value, *interval))
    return f"{middle} [{low}, {high}]"


def markdown_table(headings: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A Markdown table; the first `left` columns are left-aligned, the others right-aligned. Cells are not escaped."""
    lines = [headings, ["---"] * left + ["---:"] * (len(headings) - left), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def printable(text: str) -> str:
    """The text with every non-printing character except line breaks and tabs as an escape such as \\x1b.

    Model output may contain terminal escape sequences, or characters that reverse the direction of a line.
    """
    return "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)


def in_one_line(text: str) -> str:
    """The text as `printable`, and with line breaks as escapes, so that no part of it looks like a line of our own."""
    return printable(text).replace("\n", "\\n")


def as_written(text: str) -> str:
    """The text for matplotlib, which would read what is between two dollar signs as a formula, or fail on it."""
    return text.replace("$", r"\$")


def in_lines(text: str) -> str:
    """The text for a legend of matplotlib: as `as_written`, wrapped at `LEGEND_WIDTH`."""
    return as_written(textwrap.fill(text, LEGEND_WIDTH))
