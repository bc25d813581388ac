"""Edits of records: of one value, of one line, or of a sample with all that follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthetic_records import write_record

from sdzero_bench.core.completion import sample_seed
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import Ledger
from sdzero_bench.records.measured import PolicyEvaluation, PolicyFigures
from sdzero_bench.records.question_sets import file_name
from sdzero_bench.records.record_files import read_ledger, read_manifest, read_result
from sdzero_bench.records.recorded_journal import journal_manifest
from sdzero_bench.report.audit.audit import AuditReport
from sdzero_bench.runs.evaluation.measures import measure, measure_revision

Edit = Callable[[Path], object]


def write_revised_record(folder: Path) -> Path:
    """A record of one policy, measured and revised on a few questions: one of each figure."""
    write_record(folder, questions=6, k=2, train=4, config={"evaluation": {"revise": True}})
    journal = Journal(folder / "journal")
    first = list(journal.phases["evaluation.final"].values())
    for s in first:
        seed = sample_seed(0, "evaluation.revision", s.question_id, s.index)
        journal.append([replace(s, phase="evaluation.final.revision", prefix=f"{s.text}\n\nOnce more.", seed=seed)])
    journal.close()
    follow(folder)
    return folder


def follow(folder: Path) -> None:
    """Recompute, from the journals as they are, whatever follows from them: how to make an edit consistent."""
    run, journal = RunFolder(folder), Journal(folder / "journal").phases
    result, manifest = read_result(folder), read_manifest(folder)
    ledger = Ledger.recount(result.budget, journal, read_ledger(folder)).phases
    first = list(journal["evaluation.final"].values())
    revised = journal["evaluation.final.revision"]
    revision = measure_revision(first, [revised[s.key] for s in first])
    entry = PolicyEvaluation(policy="final", checkpoint="rft", revision=revision, **dict(measure(first, 2)))
    run.write("ledger.json", ledger)
    run.write("evaluation.json", [entry])
    run.write("result.json", result.model_copy(update={"ledger": ledger, "evaluation": [PolicyFigures(**dict(entry))]}))
    run.write("manifest.json", manifest.model_copy(update={"journal": journal_manifest(folder)}))


def questions(split: str) -> Callable[[Path], str]:
    """The file of a record's question set, for `lines`, `row` and `removed`."""
    return lambda folder: f"question_sets/{read(folder, 'manifest.json')['question_files'][split]}.jsonl"


def with_details(folder: Path, details: Callable[[str], dict[str, Any]]) -> None:
    """Give all questions of a record the details that `details` makes of their ids, as a run would have written them."""
    names = read(folder, "manifest.json")["question_files"]
    for split in ("train", "test"):
        name = names[split]
        lines(questions(split), lambda rows: [row.update(details=details(row["id"])) for row in rows])(folder)
        rows = [json.loads(line) for line in (folder / questions(split)(folder)).read_text().splitlines()]
        names[split] = file_name(name.partition("-")[0], rows)
        (folder / questions(split)(folder)).rename(folder / "question_sets" / f"{names[split]}.jsonl")
    value("manifest.json", "question_files", names)(folder)


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


def lines(name: str | Callable[[Path], str], change: Callable[[list[Any]], Any]) -> Edit:
    """Change the list of a file's rows."""

    def edit(folder: Path) -> None:
        path = folder / (name if isinstance(name, str) else name(folder))
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        before = json.dumps(rows)
        change(rows)
        assert json.dumps(rows) != before
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        path.with_suffix(".crc").unlink(missing_ok=True)  # checksums are made anew

    return edit


def every(name: str | Callable[[Path], str], change: Callable[[Any], object]) -> Edit:
    """Change each row of a file."""
    return lines(name, lambda rows: [change(row) for row in rows])


def row(name: str | Callable[[Path], str], number: int, **new: Any) -> Edit:
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


def removed(name: str | Callable[[Path], str]) -> Edit:
    return lambda folder: (folder / (name if isinstance(name, str) else name(folder))).unlink()


def says(report: AuditReport) -> str:
    return "\n".join(map(str, report.findings))
