"""Compressed files of a packed record: xz over the same content."""

from __future__ import annotations

import lzma
from pathlib import Path

from sdzero_bench.core.errors import UserError

COMPRESSED = ".xz"

# More context and no alignment: smaller than the preset alone on text such as this.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]


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
