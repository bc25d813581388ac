"""Rows as columns and back: similar values side by side compress far better than the same keys line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COLUMNS, VALUES, AT = "columns", "values", "at"


def to_columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By key, `values`, or `columns` again where all of them are objects.

    `at` lists the numbers of the rows that have the key, if not all have it.
    """
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        at = [number for number, row in enumerate(rows) if key in row]
        values = [rows[number][key] for number in at]
        inner = all(isinstance(value, dict) for value in values)
        found[key] = {COLUMNS: to_columns(values)} if inner else {VALUES: values}
        if len(at) < len(rows):
            found[key][AT] = at
    return found


def from_columns(columns: object, count: object, most: int) -> list[dict[str, Any]]:
    """The `count` rows that `to_columns` made these of, with at most `most` objects in them.

    Raises `ValueError`, which says why, for anything that `to_columns` has not written.
    """
    return _Reader(most).rows(columns, count)


class _Reader:
    def __init__(self, most: int) -> None:
        self._left = most

    def rows(self, columns: object, count: object) -> list[dict[str, Any]]:
        if type(count) is not int or count < 0:
            raise ValueError(f"{count!r} is not a number of rows")
        if not isinstance(columns, dict):
            raise ValueError("the columns are not a JSON object")
        self._left -= count
        if self._left < 0:
            raise ValueError(f"{count} rows are more than a file of this size can have")
        rows: list[dict[str, Any]] = [{} for _ in range(count)]
        for key, column in columns.items():
            at, values = self._column(key, column, count)
            for number, value in zip(at, values, strict=True):
                rows[number][key] = value
        return rows

    def _column(self, key: str, column: object, count: int) -> tuple[Sequence[int], Sequence[Any]]:
        if not isinstance(column, dict) or column.keys() - {AT} not in ({VALUES}, {COLUMNS}):
            raise ValueError(f"the column {key!r} is malformed")
        at = column.get(AT, range(count))
        if AT in column and not _rising(at, count):
            raise ValueError(f"the column {key!r} does not say which rows have it")
        values = column[VALUES] if VALUES in column else self.rows(column[COLUMNS], len(at))
        if not isinstance(values, list) or len(values) != len(at):
            raise ValueError(f"the column {key!r} does not have {len(at)} values")
        return at, values


def _rising(at: object, count: int) -> bool:
    """Whether these are numbers of rows, each once and in order."""
    if not isinstance(at, list) or not all(type(number) is int for number in at):
        return False
    return all(a < b for a, b in zip([-1, *at], [*at, count], strict=True))
