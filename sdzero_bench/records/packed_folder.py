"""A folder of JSON Lines packed into one file: journal/ of a run is journal.jsonl.xz in its record, training/ likewise.

Each of the folder's files is two lines: `{"file": NAME, "rows": COUNT}`, and the rows by columns (`to_columns`). One file
stored by columns is 40 % smaller than a file of lines per phase. xz cannot compress the 63-bit seeds of a journal. They
follow from the run's seed, the stream, the question and the index (`sample_seed`): where the header has a `stream`, they are
left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.errors import UserError
from sdzero_bench.records.by_column import from_columns, to_columns
from sdzero_bench.records.compressed import COMPRESSED, compressed, content_of

LINES = ".jsonl"
JOURNAL, TRAINING = "journal", "training"
"""The folders of a run that are packed."""

Stream = tuple[int, str]
"""(run seed, name of the stream) of `sample_seed`."""

MOST_OBJECTS, MOST_EMPTY = 10, 1000
"""Limit of objects: so many per byte of a line, and so many more, because rows without keys take no space."""

_SEED, _ASKED = "seed", {"question_id", "index"}


def packed_folder(folder: Path) -> Path:
    """The file that a folder is packed into."""
    return folder.with_name(folder.name + LINES + COMPRESSED)


def pack_folder(files: Mapping[str, Iterable[dict[str, Any]]], streams: Mapping[str, Sequence[Stream]] | None = None) -> bytes:
    """The packed file of these rows by name, always the same for the same rows.

    `streams` are those, by name, that the seeds may have been derived from.
    """
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


def packed_twice(record: Path) -> list[str]:
    """The folders of a record that exist in both forms. Only one of the two is read, so the other is not checked."""
    return [name for name in (JOURNAL, TRAINING) if (record / name).exists() and packed_folder(record / name).exists()]


def names_in(packed: Path) -> list[str]:
    """The names of the files in a packed folder. Raises `UserError` if it cannot be read."""
    return list(_lines_of(packed))


def rows_in(packed: Path, name: str) -> list[dict[str, Any]]:
    """The rows of one file in a packed folder. Raises `UserError` if it has none of that name, or cannot be read."""
    if (found := _lines_of(packed).get(name)) is None:
        raise UserError(f"{str(packed)!r} has no {name!r}; copy the record again from its source")
    header, line = found
    try:
        rows = from_columns(json.loads(line), header.get("rows"), MOST_OBJECTS * len(line) + MOST_EMPTY)
        return rows if "stream" not in header else _with_seeds(rows, header["stream"])
    except (ValueError, RecursionError) as error:
        raise _not_as_written(packed, f"{name!r}: {error}") from error


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
        raise _not_as_written(packed, "its last header has no data")
    found = {}
    try:
        for number, (line, columns) in enumerate(zip(lines[::2], lines[1::2], strict=True)):
            header = json.loads(line)
            if not isinstance(header, dict) or not {"file", "rows"} <= header.keys() <= {"file", "rows", "stream"}:
                raise ValueError(f"line {2 * number + 1} is not the header of a file")
            name = str(header["file"])
            if name in found:
                raise ValueError(f"{name!r} is there twice")
            found[name] = (header, columns)
    except (ValueError, RecursionError) as error:
        raise _not_as_written(packed, str(error)) from error
    return found


def _not_as_written(packed: Path, why: str) -> UserError:
    return UserError(f"{str(packed)!r} is corrupted ({why}); copy the record again from its source")


def _explains(stream: Stream, rows: Sequence[dict[str, Any]]) -> bool:
    return all({_SEED, *_ASKED} <= row.keys() and row[_SEED] == _seed(stream, row) for row in rows)


def _with_seeds(rows: list[dict[str, Any]], stream: object) -> list[dict[str, Any]]:
    """Raises `ValueError` where no seed follows, or one is there already."""
    match stream:
        case [int(run), str(name)]:
            for row in rows:
                if _SEED in row or not row.keys() >= _ASKED:
                    raise ValueError("seeds do not follow from the stream")
                row[_SEED] = _seed((run, name), row)
            return rows
    raise ValueError(f"{stream!r} is not a stream of seeds")


def _seed(stream: Stream, row: dict[str, Any]) -> int:
    return sample_seed(*stream, row["question_id"], row["index"])
