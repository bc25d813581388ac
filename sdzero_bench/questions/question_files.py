"""Reads rows of questions from local files and from the Hugging Face Hub, with errors that name the row."""

from __future__ import annotations

import difflib
import gzip
import json
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.reaching_the_hub import hub_is_reachable

if TYPE_CHECKING:
    import pyarrow

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".parquet")
"""JSON Lines, optionally compressed; one JSON array; Parquet."""

Row = dict[str, object]
"""Values by field."""


@dataclass(frozen=True)
class FileRow:
    """One row and its place in the file, counted from 1."""

    where: str
    values: Row
    later: Callable[[str], object] = lambda field: None
    """Reads a field that is not among the values: long fields, of which only a few are used."""

    def value(self, field: str) -> object:
        """The value of the field, or None if the row has no such field."""
        return self.values[field] if field in self.values else self.later(field)

    def text(self, field: str) -> str:
        """The field as text; a number, such as an answer of 42, becomes its digits. Raises `UserError` if it is missing."""
        value = self.value(field)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            near = [] if field in self.values else difflib.get_close_matches(field, map(str, self.values), n=1)
            meant = f"; is it the one that is called {near[0]!r}?" if near else ""
            raise UserError(f"{self.where}: the field {field!r} is missing, empty or not text{meant}")
        return value


def read_rows(path: Path, fields: Sequence[str]) -> list[Row]:
    """The rows of a file, as from `file_rows`. Raises `UserError` if one of these fields does not hold text in every row."""
    rows = file_rows(path)
    for row in rows:
        for name in fields:
            value = row.values.get(name)
            if not isinstance(value, str) or not value.strip():
                raise UserError(f"{row.where}: the field {name!r} is missing, empty or not text")
    return [row.values for row in rows]


def file_rows(path: Path, long: Collection[str] = ()) -> list[FileRow]:
    """The rows of a file, whose format follows from its suffix (`SUFFIXES`; anything else is read as JSON Lines).

    long:
        Fields of a Parquet file that are read only when needed.

    Raises `UserError`, which names the line, if the file is missing, empty or malformed.
    """
    if path.is_dir():
        raise UserError(f"{str(path)!r} is a folder; a question file is needed")
    if not path.is_file():
        raise UserError(f"there is no question file {str(path)!r}")
    if path.suffix == ".parquet":
        rows = _table_rows(_parquet(path), repr(str(path)), long)
    elif path.suffix == ".json":
        rows = [_row(f"{str(path)!r}, row {number}", row) for number, row in _json_array(path)]
    else:
        rows = [_row(f"{str(path)!r}, line {number}", row) for number, row in _json_lines(path)]
    if not rows:
        raise UserError(f"the question file {str(path)!r} is empty")
    return rows


def file_in(folder: Path, *names: str) -> Path:
    """The first existing file in the folder with one of these names and a suffix of `SUFFIXES`.

    Raises `UserError` if there is none.
    """
    for name in names:
        for suffix in SUFFIXES:
            if (path := folder / f"{name}{suffix}").is_file():
                return path
    others = ", ".join(SUFFIXES[1:])
    raise UserError(f"there is no question file {str(folder / (names[0] + SUFFIXES[0]))!r}, nor one with the suffix {others}")


def hub_rows(
    name: str, config: str | None, revision: str | None, split: str, fields: Sequence[str], long: Collection[str] = ()
) -> list[FileRow]:
    """The rows of a data set on the Hub, with only these fields. Raises `UserError` if they cannot be loaded.

    long:
        Further fields, which stay on disk and are read only when needed.
    """
    import datasets

    advice = "give a local copy with --set task.path=FILE_OR_FOLDER"
    hub_is_reachable()
    try:
        data = datasets.load_dataset(name, config, split=split, revision=revision)
    except (OSError, ValueError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{name} could not be loaded from the hub ({why}); {advice}") from error
    wanted = list(dict.fromkeys([*fields, *long]))
    if missing := [field for field in wanted if field not in data.column_names]:
        raise UserError(f"{name} has no field {missing[0]!r}; {advice}, or name another task.revision")
    return _table_rows(data.select_columns(wanted).with_format("arrow")[:], f"{name} {split}", long)


def _row(where: str, values: object) -> FileRow:
    if not isinstance(values, dict):
        raise UserError(f"{where}: not a JSON object")
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        surrogate = error.object[error.start]
        raise UserError(
            f"{where}: {surrogate!r} is an unpaired surrogate; write the character itself, or both surrogates"
        ) from error
    return FileRow(where, values)


def _table_rows(table: pyarrow.Table, where: str, long: Collection[str]) -> list[FileRow]:
    later = [name for name in table.column_names if name in long]
    rows = table.drop_columns(later).to_pylist()

    def reader(index: int) -> Callable[[str], object]:
        return lambda field: table.column(field)[index].as_py() if field in later else None

    return [FileRow(f"{where}, row {index + 1}", values, reader(index)) for index, values in enumerate(rows)]


def _json_lines(path: Path) -> list[tuple[int, object]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{str(path)!r} cannot be decompressed ({error})") from error
    rows = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append((number, json.loads(line)))
        except json.JSONDecodeError as error:
            other = "; a file of questions is JSON Lines, JSON or Parquet" if path.suffix in (".csv", ".tsv", ".xlsx") else ""
            raise UserError(f"{str(path)!r}, line {number}: not JSON ({error.msg}, column {error.colno}){other}") from error
        except (ValueError, RecursionError) as error:
            raise UserError(f"{str(path)!r}, line {number}: not JSON ({error})") from error
    return rows


def _json_array(path: Path) -> list[tuple[int, object]]:
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{str(path)!r} is not JSON ({error}); a file with one object per line must end in .jsonl") from error
    if not isinstance(rows, list):
        raise UserError(f"{str(path)!r} is not a JSON array of questions")
    return list(enumerate(rows, start=1))


def _parquet(path: Path) -> pyarrow.Table:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise UserError(f"{str(path)!r} is not a Parquet file ({error})") from error
