"""The figures of summary.md against result.json, from which they were written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.report.audit.audited_record import AuditedRecord
from sdzero_bench.runs.write_up.summary import FILE, summary_text

_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
_MINUS_ZERO = re.compile(r"-(0\.0+\b)")


def check_summary(record: AuditedRecord) -> Iterator[Discrepancy]:
    """A finding for each row of a table whose numbers are others, and for those of the text.

    Words are not compared: they have changed from version to version, and the numbers have not.
    """
    path = record.folder / FILE
    if record.result is None or not path.is_file():
        return
    said, again = (_numbers(text) for text in (path.read_text(encoding="utf-8", errors="replace"), summary_text(record.result)))
    yield from compare(FILE, "numbers", said, again, "result.json has")


def _numbers(text: str) -> dict[str, list[str]]:
    """The numbers of each row of a table, by its first cell, and of all other lines together, in any order."""
    found: dict[str, list[str]] = {}
    others: Counter[str] = Counter()
    for line in text.splitlines():
        line = _MINUS_ZERO.sub(r"\1", line)  # earlier versions wrote it
        if not line.startswith("|"):
            others.update(_NUMBER.findall(line))
        elif (name := line.split("|")[1].strip()) and not set(name) <= set("-: "):
            found[name] = _NUMBER.findall(line)
    return {**found, "outside of tables": sorted(others.elements())}
