"""Rows as columns and back: similar values side by side compress far better than the same keys line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COLUMNS, VALUES, AT = "columns", "values", "at"


def to_columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By key: `values`, or `columns` again where all of them are objects; `at` has the rows of a key that not all rows have."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        at = [number for number, row in enumerate(rows) if key in row]
        values = [rows[number][key] for number in at]
        inner = all(isinstance(value, dict) for value in values)
        found[key] = {COLUMNS: to_columns(values)} if inner else {VALUES: values}
        if len(at) < len(rows):
            found[key][AT] = at
    return found


def from_columns(columns: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The `count` rows that `to_columns` made these of. Raises `ValueError`, `KeyError`, `TypeError`, `AttributeError` or
    `IndexError` for what it did not make."""
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for key, column in columns.items():
        at = column.get(AT, range(count))
        values = column[VALUES] if VALUES in column else from_columns(column[COLUMNS], len(at))
        for number, value in zip(at, values, strict=True):
            if key in rows[number]:
                raise ValueError(f"{key!r} twice in row {number}")
            rows[number][key] = value
    return rows
