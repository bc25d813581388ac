"""Size and checksum of every file of a checkpoint, by which a resumed run tells whether it is as it was written."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

_CHUNK = 1 << 22


def sums_of(folder: Path) -> str:
    """Size and CRC-32 of each file below `folder`, as JSON."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return json.dumps({path.relative_to(folder).as_posix(): _sum(path) for path in files})


def damaged_file(folder: Path, sums: Path) -> Path | None:
    """The first file below `folder` that is missing or not as it was when its sums were written, or the sums themselves.

    Files without sums, from before there were any, count as undamaged.
    """
    if not sums.is_file() or not (text := sums.read_text(encoding="utf-8", errors="replace")):
        return None
    try:
        known = dict(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return sums
    return next((folder / name for name, own in known.items() if _sum(folder / name) != own), None)


def _sum(path: Path) -> list[int] | None:
    """[size, CRC-32]; None if there is no such file."""
    if not path.is_file():
        return None
    size = crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    return [size, crc]
