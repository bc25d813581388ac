"""Edits of records: of one value, of one line, or of a sample with all that follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthetic_records import write_record

from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import Budget, Ledger
from sdzero_bench.records.packing import journal_manifest
from sdzero_bench.report.audit.audit import AuditReport
from sdzero_bench.runs.evaluation.measures import measure, measure_revision

Edit = Callable[[Path], object]


def write_revised_record(folder: Path) -> Path:
    """A record of one policy, measured and revised on a few questions: one of each figure."""
    write_record(folder, questions=6, k=2, train=4, config={"evaluation": {"revise": True}})
    journal = Journal(folder / "journal")
    first = list(journal.phases["evaluation.final"].values())
    journal.append(replace(s, phase="evaluation.final.revision", prefix=f"{s.text}\n\nOnce more.") for s in first)
    journal.close()
    follow(folder)
    return folder


def follow(folder: Path) -> None:
    """Recompute, from the journals as they are, whatever follows from them: how to make an edit consistent."""
    journal = Journal(folder / "journal").phases
    ledger = Ledger.recount(Budget("", 0, 0, 0), journal, read(folder, "ledger.json")).as_dict()
    first = list(journal["evaluation.final"].values())
    entry = {"policy": "final", "checkpoint": "final", **measure(first, 2)}
    revised = journal["evaluation.final.revision"]
    entry["revision"] = measure_revision(first, [revised[s.key] for s in first])
    write(folder, "ledger.json", ledger)
    write(folder, "evaluation.json", [entry])
    figures = {name: value for name, value in entry.items() if name != "per_question"}
    write(folder, "result.json", {**read(folder, "result.json"), "ledger": ledger, "evaluation": [figures]})
    write(folder, "manifest.json", {**read(folder, "manifest.json"), "journal": journal_manifest(folder)})


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(json.dumps(content))


def value(file: str, keys: str, new: Any) -> Edit:
    """Set what is at `keys`, such as "evaluation.0.avg_at_k"."""

    def edit(folder: Path) -> None:
        content = place = read(folder, file)
        *above, last = [int(key) if key.isdecimal() else key for key in keys.split("/")]
        for key in above:
            place = place[key]
        assert place.get(last) != new if isinstance(place, dict) else place[last] != new
        place[last] = new
        write(folder, file, content)

    return edit


def lines(name: str, change: Callable[[list[Any]], Any]) -> Edit:
    """Change the list of a file's rows."""

    def edit(folder: Path) -> None:
        rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        before = json.dumps(rows)
        change(rows)
        assert json.dumps(rows) != before
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    return edit


def row(name: str, number: int, **new: Any) -> Edit:
    return lines(name, lambda rows: rows[number].update(new))


def text(name: str, content: str) -> Edit:
    return lambda folder: (folder / name).write_text(content)


def replaced(name: str, old: str, new: str) -> Edit:
    """Replace the first occurrence of a text."""

    def edit(folder: Path) -> None:
        content = (folder / name).read_text()
        assert old in content
        (folder / name).write_text(content.replace(old, new, 1))

    return edit


def removed(name: str) -> Edit:
    return lambda folder: (folder / name).unlink()


def says(report: AuditReport) -> str:
    return "\n".join(map(str, report.findings))
