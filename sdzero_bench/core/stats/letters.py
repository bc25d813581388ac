"""Compact letter displays: which rows of a table do not differ significantly, as one short string per row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_lowercase


def letters(rows: Sequence[str], significant: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Letters by row: two rows share a letter if and only if their pair is not among `significant`.

    `rows` are in the order of the table, which gets `a` first. The insert-absorb algorithm of Piepho 2004, "An algorithm for a
    letter-based representation of all-pairwise comparisons": start from one letter for all rows; for each significant pair,
    split each letter that both have into one without the first row and one without the second; drop what is contained in
    another letter. Sharing a letter is not transitive: `a`, `ab`, `b`. After `z` come `aa.`, `ab.` and so on.
    """
    columns = [frozenset(rows)]
    for one, other in significant:
        split = [column - {row} for column in columns if {one, other} <= column for row in (one, other)]
        columns = _absorbed([*(column for column in columns if not {one, other} <= column), *split])
    place = {row: i for i, row in enumerate(rows)}
    columns.sort(key=lambda column: sorted(place[row] for row in column))
    return {row: "".join(_name(i) for i, column in enumerate(columns) if row in column) for row in rows}


def _absorbed(columns: list[frozenset[str]]) -> list[frozenset[str]]:
    """Without repeated columns and those that are part of another."""
    distinct = list(dict.fromkeys(columns))
    return [column for column in distinct if not any(column < other for other in distinct)]


def _name(number: int) -> str:
    if number < len(ascii_lowercase):
        return ascii_lowercase[number]
    first, second = divmod(number - len(ascii_lowercase), len(ascii_lowercase))
    return f"{ascii_lowercase[first]}{ascii_lowercase[second]}."
