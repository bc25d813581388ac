"""A folder of JSON Lines packed into one file: journal/ of a run is journal.jsonl.xz in its record, training/ likewise.

Each of the folder's files is two lines: `{"file": NAME, "rows": COUNT}`, and the rows by columns (`to_columns`). One file by
columns is 40 % smaller than each file by lines. What xz cannot shrink are the 63-bit seeds of a journal. They follow from the
run's seed, the stream, the question and the index (`sample_seed`): where the first line has a `stream`, they are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.errors import UserError
from sdzero_bench.records.columns import from_columns, to_columns
from sdzero_bench.records.compressed import COMPRESSED, compressed, content_of

LINES = ".jsonl"
JOURNAL, TRAINING = "journal", "training"
"""The folders of a run that are packed."""

Stream = tuple[int, str]
"""(run seed, name of the stream) of `sample_seed`."""

MOST_EMPTY = 1_000_000
"""Rows without any key, which take no space in the file. More are refused before memory is taken for them."""

_SEED = "seed"


def packed_folder(folder: Path) -> Path:
    """The file that a folder is packed into."""
    return folder.with_name(folder.name + LINES + COMPRESSED)


def pack_folder(files: Mapping[str, Iterable[dict[str, Any]]], streams: Mapping[str, Sequence[Stream]] | None = None) -> bytes:
    """The packed file of these rows by name, always the same for the same rows; `streams` are where seeds may come from."""
    lines: list[dict[str, Any]] = []
    for name, those in files.items():
        header: dict[str, Any] = {"file": name}
        rows = list(those)
        stream = next((s for s in (streams or {}).get(name, ()) if _explains(s, rows)), None)
        if rows and stream is not None:
            header["stream"] = stream
            rows = [{key: value for key, value in row.items() if key != _SEED} for row in rows]
        lines += [{**header, "rows": len(rows)}, to_columns(rows)]
    return compressed("".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines))


def names_in(packed: Path) -> list[str]:
    """The names of the files in a packed folder. Raises `UserError` if it cannot be read."""
    return list(_lines_of(packed))


def rows_in(packed: Path, name: str) -> list[dict[str, Any]]:
    """The rows of one file in a packed folder. Raises `UserError` if it has none of that name, or cannot be read."""
    if (found := _lines_of(packed).get(name)) is None:
        raise UserError(f"{str(packed)!r} has no {name!r}; get the record again")
    header, line = found
    try:
        if header["rows"] > len(line) + MOST_EMPTY:
            raise ValueError(f"it has fewer than {header['rows']} rows")
        rows = from_columns(json.loads(line), header["rows"])
        if (stream := header.get("stream")) is not None:
            for row in rows:
                row[_SEED] = _seed(stream, row)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _not_as_written(packed, f"{name!r}: {error}") from error
    return rows


def _lines_of(packed: Path) -> dict[str, tuple[dict[str, Any], bytes]]:
    """By name, the header and the line of columns."""
    try:
        state = packed.stat()
    except OSError as error:
        raise UserError(f"{str(packed)!r} does not exist") from error
    return _read(packed, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)  # the files of a folder are read one after the other
def _read(packed: Path, _modified: int, _size: int) -> dict[str, tuple[dict[str, Any], bytes]]:
    lines = content_of(packed).splitlines()
    if len(lines) % 2:
        raise _not_as_written(packed, "it ends within a file")
    found = {}
    try:
        for header, columns in zip(map(json.loads, lines[::2]), lines[1::2], strict=True):
            if header["file"] in found:
                raise ValueError(f"{header['file']!r} is there twice")
            found[str(header["file"])] = (header, columns)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _not_as_written(packed, str(error)) from error
    return found


def _not_as_written(packed: Path, why: str) -> UserError:
    return UserError(f"{str(packed)!r} is not as it was written ({why}); get the record again")


def _explains(stream: Stream, rows: Sequence[dict[str, Any]]) -> bool:
    return all(_SEED in row and row[_SEED] == _seed(stream, row) for row in rows)


def _seed(stream: Sequence[Any], row: dict[str, Any]) -> int:
    return sample_seed(*stream, row["question_id"], row["index"])
