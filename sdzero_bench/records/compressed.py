"""Compressed files of a packed record: the same content, compressed with xz."""

from __future__ import annotations

import lzma
import os
from pathlib import Path

from sdzero_bench.core.errors import UserError

COMPRESSED = ".xz"
MOST = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
"""Bytes that a file may hold: a quarter of the memory, since rows take several times the space of their text.

The limit does not depend on the compressed size: the samples of a policy that repeats one token compress over 1,000-fold.
"""

# More context and no alignment: smaller than the preset alone on text such as this.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]


def compressed(text: str) -> bytes:
    """The xz file of a text, always the same for the same text. Raises `UserError` for what is not Unicode text."""
    try:
        return lzma.compress(text.encode(), format=lzma.FORMAT_XZ, filters=_FILTERS)
    except UnicodeEncodeError as error:
        raise UserError(f"a text in the record cannot be written in UTF-8 ({error}); validate the run") from error


def stored(path: Path) -> Path | None:
    """The file at `path`, or else `path`.xz; None if neither exists."""
    return next((found for found in (path, path.with_name(path.name + COMPRESSED)) if found.is_file()), None)


def content_of(found: Path) -> bytes:
    """The content of a file that `stored` has found.

    Raises `OSError`, and `UserError` if it is not a complete xz file, or holds `MOST` or more.
    """
    if found.suffix != COMPRESSED:
        return found.read_bytes()
    decoder, why, content = lzma.LZMADecompressor(lzma.FORMAT_XZ), "it ends too early", b""
    try:
        content = decoder.decompress(found.read_bytes(), MOST)
    except lzma.LZMAError as error:
        why = str(error)
    if len(content) == MOST:
        raise UserError(
            f"{str(found)!r} holds {MOST / 1e9:.1f} GB or more, a quarter of this machine's memory; use one with more"
        )
    if not decoder.eof:
        raise UserError(f"{str(found)!r} is not a complete xz file ({why}); get the record again")
    if decoder.unused_data:
        raise UserError(f"{str(found)!r} has data after the end of its xz stream; get the record again")
    return content
