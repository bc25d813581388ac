"""Records whose files were edited, value by value and byte by byte: they are validated, reported on and inspected."""

from __future__ import annotations

import json
import lzma
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from sdzero_bench.records.own_digests import record_digest
from sdzero_bench.records.packing import pack
from sdzero_bench.records.reader import load_runs
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.report.audit.audit import check_record
from tools.fuzz.bounded import fault
from tools.fuzz.hunting import Target
from tools.torture import small_run
from tools.torture.damaged_runs import METHOD

SMALLEST = ("task.train=4", "task.test=2", "evaluation.revise=false", "evaluation.base=false", "method.epochs=1")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["ok", "../..", "/etc/passwd", "rft", "train-0", "\ud800", "0" * 16, "-1", "[" * 50]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def edits(draw: st.DrawFn, files: list[str]) -> dict[str, Any]:
    """An edit of one file: the value at a random place of its JSON, or bytes at a random place of its content."""
    place = draw(st.lists(st.integers(0, 40), max_size=6))
    how = draw(st.sampled_from(["value", "value", "value", "key", "removed", "bytes"]))
    new = draw(st.binary(max_size=8)) if how == "bytes" else draw(values)
    return {"file": draw(st.sampled_from(files)), "how": how, "place": place, "new": new, "at": draw(st.floats(0, 1))}


def edited(content: bytes, edit: dict[str, Any]) -> bytes:
    """The content after an edit; JSON Lines are edited in one of their lines."""
    at = int(edit["at"] * len(content))
    if edit["how"] == "bytes":
        new: bytes = edit["new"]
        return content[:at] + new + content[at + len(new) :]
    before, line, after = b"", content, b""
    if edit["file"].removesuffix(".xz").endswith(".jsonl"):
        start = content.rfind(b"\n", 0, at) + 1
        end = content.find(b"\n", start) % (len(content) + 1)
        before, line, after = content[:start], content[start:end], content[end:]
    try:
        document = json.loads(line)
    except ValueError:
        return content[:at] + json.dumps(edit["new"]).encode() + content[at:]
    return before + json.dumps(_changed(document, edit["place"], edit)).encode() + after


def _changed(document: Any, place: list[int], edit: dict[str, Any]) -> Any:
    if not isinstance(document, dict | list) or not document:
        return edit["new"]
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[(place[0] if place else 0) % len(keys)]
    if len(place) > 1 and isinstance(document[key], dict | list) and document[key]:
        document[key] = _changed(document[key], place[1:], edit)
    elif edit["how"] == "removed":
        del document[key]
    elif edit["how"] == "key" and isinstance(document, dict):
        document[str(edit["new"])] = document.pop(key)
    else:
        document[key] = edit["new"]
    return document


class EditedRecord:
    """A packed record of a small run, one file of which is edited at a time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        place = Path(self._folder.name)
        run = small_run.finished(METHOD, place / "runs", *SMALLEST)
        self._records = place / "records"
        self._record = pack(run, self._records)
        shutil.copytree(self._records, place / "sound")
        self._sound = place / "sound"
        self.files = sorted(str(p.relative_to(self._records)) for p in self._records.rglob("*") if p.is_file())

    def fault(self, edit: dict[str, Any]) -> str | None:
        path = self._records / edit["file"]
        content = path.read_bytes()
        packed = path.suffix == ".xz" and edit["how"] != "bytes"
        try:
            changed = edited(lzma.decompress(content) if packed else content, edit)
            path.write_bytes(lzma.compress(changed) if packed else changed)
            return (
                fault(lambda: check_record(self._record).findings)
                or fault(lambda: load_runs(self._records))
                or fault(lambda: record_digest(self._record))
                or fault(self._inspect)
            )
        finally:
            path.write_bytes(content)

    def _inspect(self) -> None:
        journal = RecordedJournal(self._record)
        for phase in journal.phases:
            list(journal.samples(phase))


def target() -> Target:
    record = EditedRecord()
    return Target("edited records", edits(record.files), record.fault, 0.05)
