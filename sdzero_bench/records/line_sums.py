"""A checksum of each line of a journal or training log, in a file beside it: a resumed run refuses lines that differ from it.

`PHASE.crc` has the CRC-32 of each line of `PHASE.jsonl` as 8 hex digits. It may end before the journal does, since it is
written after it; a run from before there were checksums has none.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_SUM = re.compile(r"[0-9a-f]{8}\n")


class LineSums:
    """The checksums of one file of lines."""

    SUFFIX = ".crc"

    def __init__(self, lines: Path) -> None:
        self.path = lines.with_suffix(self.SUFFIX)
        self._writer: IO[str] | None = None

    @staticmethod
    def of(line: bytes) -> str:
        return f"{zlib.crc32(line):08x}"

    def read(self) -> list[str]:
        """Those that are whole, up to the first that is not."""
        found: list[str] = []
        if self.path.is_file():
            with self.path.open(encoding="ascii", errors="replace") as file:
                for line in file:
                    if not _SUM.fullmatch(line):
                        break
                    found.append(line.strip())
        return found

    def write(self, sums: Sequence[str]) -> None:
        """Replace all of them."""
        self.close()
        self.path.write_text("".join(f"{own}\n" for own in sums), encoding="ascii")

    def add(self, line: bytes) -> None:
        """Append that of a line; `flush` writes it."""
        if self._writer is None:
            self._writer = self.path.open("a", encoding="ascii")
        self._writer.write(self.of(line) + "\n")

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None
