"""Compressed files of a packed record: the JSON Lines of journals, training logs and questions, and long tables of numbers.

A packed file is xz over the same text. What xz cannot shrink are the 63-bit seeds of a journal, a third of its size. They
follow from the run's seed, the stream, the question and the index (`sample_seed`), so a packed journal begins with a line
`{"seeds": {"run_seed": ..., "stream": ...}}` and leaves them out, if that gives every one of them; else they stay.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.core.errors import UserError

LINES, COMPRESSED = ".jsonl", ".xz"

Stream = tuple[int, str]
"""(run seed, name of the stream) of `sample_seed`."""

_SEEDS = "seeds"
# More context and no alignment: smaller than the preset alone on text such as this.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file, plain as `path` or packed as `path`.xz; `path` goes without .xz.

    Raises `UserError` if neither exists, or for a line that is not a JSON object; it names file and line, counted from 1.
    """
    if (found := stored(path)) is None:
        raise UserError(f"{str(path)!r} does not exist, nor does {path.name + COMPRESSED!r}")
    stream: Stream | None = None
    for number, line in enumerate(content_of(found).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not an object")
            if number == 1 and found != path and row.keys() == {_SEEDS}:
                stream = (row[_SEEDS]["run_seed"], row[_SEEDS]["stream"])
                continue
            if stream is not None and "seed" not in row:
                row["seed"] = _seed(stream, row)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(f"{str(found)!r}, line {number}: not JSON as it was written ({error})") from error
        yield row


def pack_lines(rows: Iterable[dict[str, Any]], streams: Sequence[Stream] = ()) -> bytes:
    """The bytes of a packed file, always the same for the same rows; `streams` are those that the seeds may come from."""
    rows = list(rows)
    lines = []
    if rows and (stream := next((s for s in streams if _explains(s, rows)), None)) is not None:
        lines.append({_SEEDS: {"run_seed": stream[0], "stream": stream[1]}})
        rows = [{key: value for key, value in row.items() if key != "seed"} for row in rows]
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in [*lines, *rows])
    return compressed(text)


def compressed(text: str) -> bytes:
    """The xz file of a text, always the same for the same text."""
    return lzma.compress(text.encode(), format=lzma.FORMAT_XZ, filters=_FILTERS)


def stored(path: Path) -> Path | None:
    """Where a file is, plain as `path` or packed as `path`.xz; None if it is neither. A plain file goes first."""
    return next((found for found in (path, path.with_name(path.name + COMPRESSED)) if found.is_file()), None)


def content_of(found: Path) -> bytes:
    """The content of a file that `stored` has found. Raises `OSError`, and `UserError` if it is not a complete xz file."""
    if found.suffix != COMPRESSED:
        return found.read_bytes()
    decoder, why = lzma.LZMADecompressor(lzma.FORMAT_XZ), "it ends too early"
    try:
        content = decoder.decompress(found.read_bytes())
    except lzma.LZMAError as error:
        why = str(error)
    if not decoder.eof:
        raise UserError(f"{str(found)!r} is not a complete xz file ({why}); get the record again")
    if decoder.unused_data:
        raise UserError(f"{str(found)!r} has more after its end; get the record again")
    return content


def _explains(stream: Stream, rows: Sequence[dict[str, Any]]) -> bool:
    return all("seed" in row and row["seed"] == _seed(stream, row) for row in rows)


def _seed(stream: Stream, row: dict[str, Any]) -> int:
    return sample_seed(*stream, row["question_id"], row["index"])
