"""All checks of all records below a folder."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sdzero_bench.records.compressed import stored
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.report.audit.audited_record import AuditedRecord, load, read_json
from sdzero_bench.report.audit.check_curve import check_curve
from sdzero_bench.report.audit.check_digests import check_digests
from sdzero_bench.report.audit.check_figures import check_figures
from sdzero_bench.report.audit.check_journals import check_journals, check_questions
from sdzero_bench.report.audit.check_ledgers import check_ledger
from sdzero_bench.report.audit.check_localisation import check_localisation
from sdzero_bench.report.audit.check_method import check_method
from sdzero_bench.report.audit.check_other_tasks import check_other_tasks
from sdzero_bench.report.audit.check_settings import check_settings
from sdzero_bench.report.audit.check_summary import check_summary
from sdzero_bench.report.audit.check_texts import check_ends, check_texts
from sdzero_bench.report.audit.check_together import Traits, check_together, traits
from sdzero_bench.report.audit.check_tuning import check_tuning

CHECKS: tuple[Callable[[AuditedRecord], Iterator[Discrepancy]], ...] = (
    check_questions,
    check_journals,
    check_ledger,
    check_figures,
    check_curve,
    check_other_tasks,
    check_localisation,
    check_settings,
    check_texts,
    check_ends,
    check_method,
    check_tuning,
    check_summary,
    check_digests,
)


@dataclass
class AuditReport:
    """What came of one record. An unfinished run is none yet: it is not checked, and has no finding."""

    folder: Path
    finished: bool = True
    samples: int = 0
    findings: list[Discrepancy] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    traits: Traits = field(default_factory=Traits)

    def as_dict(self) -> dict[str, Any]:
        return {
            "record": str(self.folder),
            "finished": self.finished,
            "samples": self.samples,
            "findings": [{**finding.as_dict(), "text": str(finding)} for finding in self.findings],
            "notes": self.notes,
        }


def check_record(folder: Path) -> AuditReport:
    """Everything but verifying again. What is broken, in whatever way, is a finding; nothing is raised."""
    report, _ = open_record(folder)
    return report


def open_record(folder: Path) -> tuple[AuditReport, AuditedRecord | None]:
    """The report on a record, and the record itself, which is None for an unfinished run."""
    report = AuditReport(folder)
    manifest, _ = read_json(folder, "manifest.json")
    state = manifest.get("state") if isinstance(manifest, dict) else None
    if state in ("running", "failed"):
        if stored(folder / "result.json") is None:
            report.finished = False
            return report, None
        what = f'state is "{state}", though result.json exists: resume it with `sdzero-bench run --resume`, or remove the run'
        report.findings.append(Discrepancy("manifest.json", what))
    record, problems = load(folder)
    report.findings += problems
    report.samples = record.count()
    for check in CHECKS:
        report.findings += guarded(check.__name__, check(record))
    report.notes += record.notes
    report.traits = traits(record)
    return report, record


def compare_records(reports: list[AuditReport]) -> None:
    """Add to the reports what is found by comparing records with each other."""
    found = check_together([(report.folder, report.traits) for report in reports if report.finished])
    for report in reports:
        report.findings += found.findings.get(report.folder, [])
        report.notes += found.notes.get(report.folder, [])


PER_PROCESS = 4
"""Records below which another process does not pay: it takes as long to start as to check two."""


def check_records(
    folders: list[Path], jobs: int, done: Callable[[AuditReport], None] = lambda report: None
) -> list[AuditReport]:
    """A report on each record, in order; up to `jobs` processes share the work. `done` hears of each report as it comes."""
    reports = []
    workers = min(jobs, len(folders) // PER_PROCESS)
    with contextlib.ExitStack() as stack:
        share: Any = map
        if workers > 1:
            pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts)
            share = stack.enter_context(pool).map
        for report in share(check_record, folders):
            reports.append(report)
            done(report)
    compare_records(reports)
    return reports


def guarded(name: str, check: Iterator[Discrepancy]) -> list[Discrepancy]:
    """The findings of a check, and one more if it cannot be finished."""
    found: list[Discrepancy] = []
    try:
        for finding in check:
            found.append(finding)
    except Exception as error:  # files that others have edited can be wrong in ways that nobody has thought of
        found.append(Discrepancy("record", f"{name} could not be finished ({type(error).__name__}: {error})"))
    return found


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
