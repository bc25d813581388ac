"""Everything that `validate` can check: responses verified again, and samples drawn again from the policies at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.report.audit.audit import AuditReport, compare_records, guarded, open_record
from sdzero_bench.report.audit.redraw import redraw
from sdzero_bench.report.audit.reverify import Reverifier


def check_thoroughly(
    folders: Sequence[Path], jobs: int | None, reverify: bool, replay: int, display: ProgressDisplay
) -> list[AuditReport]:
    """A report on each record, in order, one record at a time: the parallel processes are the verifier's.

    reverify: verify every response again. replay: how many random samples of each record to draw again.
    """
    reports = []
    with Reverifier(jobs) as reverifier:
        for number, folder in enumerate(folders, start=1):
            report, record = open_record(folder)
            reports.append(report)
            if record is not None and reverify:
                with display.phase(f"verify {number} of {len(folders)}", report.samples) as bar:
                    findings, notes = reverifier.check(record, bar.advance)
                report.findings += findings
                report.notes += notes
            if record is not None and replay:
                known = len(record.notes)
                report.findings += guarded("replay", redraw(record, replay))
                report.notes += record.notes[known:]
    compare_records(reports)
    return reports
