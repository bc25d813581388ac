"""Reading questions from local files, with errors that name the line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import UserError


def read_rows(path: Path, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a JSON Lines or Parquet file, each with at least these fields.

    Raises `UserError` if the file is missing, empty or malformed; it names the line, counted from 1.
    """
    if not path.is_file():
        raise UserError(f"there is no question file {str(path)!r}")
    rows = _parquet(path) if path.suffix == ".parquet" else _json_lines(path)
    if not rows:
        raise UserError(f"the question file {str(path)!r} is empty")
    for number, row in rows:
        for name in fields:
            value = row.get(name)
            if not isinstance(value, str) or not value.strip():
                raise UserError(f"{str(path)!r}, line {number}: the field {name!r} is missing, empty or no text")
    return [row for _, row in rows]


def _json_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{str(path)!r}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise UserError(f"{str(path)!r}, line {number}: not a JSON object")
        rows.append((number, row))
    return rows


def _parquet(path: Path) -> list[tuple[int, dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise UserError(f"{str(path)!r} is not a Parquet file ({error})") from error
    return list(enumerate(table.to_pylist(), start=1))
