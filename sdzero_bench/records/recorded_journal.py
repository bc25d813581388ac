"""Journals of runs and packed records, read as they are stored or with their texts, and their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.packed_folder import JOURNAL, LINES
from sdzero_bench.records.packed_lines import phases_in, read_lines
from sdzero_bench.records.prompt_digests import Prompts
from sdzero_bench.records.question_sets import find_question_set
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.schema import JournalOfPhase
from sdzero_bench.records.texts import TEXTS, Texts, decoder, texts_digest


def journal_digest(rows: Iterable[Mapping[str, Any]], with_texts: bool = False) -> str:
    """SHA-256, in hex, of everything that a journal says of its samples but their texts, which follow from the token ids.

    It is over the samples' canonical JSON in the order of question and index: neither the order of the lines nor the form of
    the file matters, so that a run and its packed record have the same. `with_texts` is the digest of format 1. Raises
    `KeyError` for a row that is not a sample.
    """
    left_out = () if with_texts else TEXTS
    said = [(str(r["question_id"]), str(r["index"]), {k: v for k, v in r.items() if k not in left_out}) for r in rows]
    lines = [(question, index, json.dumps(row, sort_keys=True, separators=(",", ":"))) for question, index, row in said]
    digest = hashlib.sha256()
    for _, _, line in sorted(lines):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def journal_manifest(folder: Path) -> dict[str, JournalOfPhase]:
    """Number and digests of the samples of every phase of a run: what its manifest says under `journal`.

    Raises `UserError` as `RecordedJournal.whole_rows` does.
    """
    found, journal = {}, RecordedJournal(folder)
    for phase in journal.phases:
        rows = list(journal.whole_rows(phase))
        found[phase] = JournalOfPhase(samples=len(rows), sha256=journal_digest(rows), texts_sha256=texts_digest(rows))
    return found


class RecordedJournal:
    """The samples of a run or record, phase by phase."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._prompts = Prompts(lambda name: read_lines(find_question_set(folder, name)))
        self._texts = Texts(self.rows, lambda: decoder(read_manifest(folder).config.model))

    @property
    def phases(self) -> list[str]:
        return phases_in(self.folder / JOURNAL)

    def rows(self, phase: str) -> Iterator[dict[str, Any]]:
        """As they are stored: a packed record may leave out texts. Raises `UserError` as `read_lines` and
        `Prompts.restored` do."""
        return self._prompts.restored(read_lines(self.folder / JOURNAL / f"{phase}{LINES}"))

    def whole_rows(self, phase: str) -> Iterator[dict[str, Any]]:
        """With their texts. Raises `UserError`, too, where the texts need a tokenizer that is not available."""
        return self.restored(self.rows(phase))

    def restored(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Rows as they are stored, with their texts. Raises `UserError` as `whole_rows` does."""
        return self._texts.restored(rows)

    def samples(self, phase: str) -> Iterator[Sample]:
        """Raises `UserError` as `whole_rows` does, and for a line that is not a sample."""
        try:
            for row in self.whole_rows(phase):
                yield Sample.from_row(row)
        except (KeyError, TypeError, ValueError) as error:
            where = str(self.folder)
            raise UserError(f"{where!r}: the journal of {phase} has a line that is not a sample ({error})") from error
