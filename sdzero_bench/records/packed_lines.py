"""JSON Lines of runs and records: plain, compressed, or packed together with the other files of their folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.compressed import COMPRESSED, compressed, content_of, stored
from sdzero_bench.records.packed_folder import LINES, names_in, packed_folder, rows_in


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file: plain as `path`, packed as `path`.xz, or in the packed folder (`packed_folder`).

    Raises `UserError` if there is none, or for a line that is not a JSON object; it names file and line, counted from 1.
    """
    if (found := stored(path)) is None:
        if (packed := packed_folder(path.parent)).is_file():
            yield from rows_in(packed, path.name.removesuffix(LINES))
            return
        raise UserError(f"{str(path)!r} does not exist, nor does {path.name + COMPRESSED!r} or {packed.name!r}")
    for number, line in enumerate(content_of(found).split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not an object")
            if number == 1 and row.keys() == {"seeds"}:
                raise UserError(f"{str(found)!r} was packed by an earlier version; pack its run again")
        except (ValueError, RecursionError) as error:
            raise UserError(f"{str(found)!r}, line {number}: not JSON as it was written ({error})") from error
        yield row


def pack_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """The bytes of a packed file, always the same for the same rows."""
    return compressed("".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows))


def phases_in(folder: Path) -> list[str]:
    """Names of the phases that have a file of lines, packed or not, in the journal or training folder of a run.

    Raises `UserError` for a packed folder that cannot be read.
    """
    names = {path.name.removesuffix(COMPRESSED) for path in folder.glob(f"[!.]*{LINES}*")}
    found = {name.removesuffix(LINES) for name in names if name.endswith(LINES)}
    return sorted(found.union(names_in(packed) if (packed := packed_folder(folder)).is_file() else ()))
