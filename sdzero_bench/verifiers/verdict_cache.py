"""Verdicts on programs that have already been tested, so that equal programs are run once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path

from sdzero_bench.core.verdict import Verdict


class KnownVerdicts:
    """Verdicts by key, in memory and, if `path` is given, in a file shared with other runs.

    The runs of a sweep share one file, since small policies often write the same program. Failures of the verifier are never
    stored. A file that cannot be used is not an error: everything is verified then. Threads may share an object.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._memory: dict[str, Verdict] = {}
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        if path is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
                self._file.execute("CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, verdict TEXT NOT NULL)")

    def get(self, keys: Iterable[str]) -> dict[str, Verdict]:
        """The known verdicts among these keys."""
        found = {}
        for key in set(keys):
            if key not in self._memory and self._file is not None:
                with self._lock, contextlib.suppress(sqlite3.Error):
                    row = self._file.execute("SELECT verdict FROM verdicts WHERE key = ?", (key,)).fetchone()
                    if row is not None and (verdict := _read(key, row[0])) is not None:
                        self._memory[key] = verdict
            if key in self._memory:
                found[key] = self._memory[key]
        return found

    def add(self, verdicts: dict[str, Verdict]) -> None:
        """Store verdicts, except failures of the verifier."""
        fresh = {key: verdict for key, verdict in verdicts.items() if verdict.status == "ok"}
        self._memory |= fresh
        if self._file is not None and fresh:
            rows = [(key, _written(key, verdict)) for key, verdict in fresh.items()]
            with self._lock, contextlib.suppress(sqlite3.Error):
                self._file.execute("BEGIN")
                self._file.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?)", rows)
                self._file.execute("COMMIT")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _written(key: str, verdict: Verdict) -> str:
    """A verdict as the file holds it: after a checksum of it and its key."""
    text = json.dumps(verdict.as_dict())
    return f"{_sum(key, text)} {text}"


def _read(key: str, written: object) -> Verdict | None:
    """The verdict, or None if it is not as it was written: SQLite does not notice every damaged byte."""
    known, _, text = str(written).partition(" ")
    return Verdict.from_dict(json.loads(text)) if known == _sum(key, text) else None


def _sum(key: str, text: str) -> str:
    return f"{zlib.crc32(f'{key} {text}'.encode()):08x}"
