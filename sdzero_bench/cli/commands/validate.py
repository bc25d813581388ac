"""`sdzero-bench validate`: records checked against their own journals."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.options import AsJson

if TYPE_CHECKING:
    from sdzero_bench.records.discrepancy import Discrepancy
    from sdzero_bench.report.audit.audit import AuditReport


def validate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run, a packed record, or a folder that contains some.")],
    reverify: Annotated[
        bool, typer.Option(help="Also verify every journaled response again with the task's verifier.")
    ] = False,
    replay: Annotated[
        int, typer.Option(min=0, metavar="N", help="Also draw N random samples of each record again, from policies at hand.")
    ] = 0,
    digest: Annotated[
        bool, typer.Option("--digest", help="Print one digest of all the records instead, to be published.")
    ] = False,
    as_json: AsJson = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of parallel processes. Default: one per core.")] = None,
) -> None:
    """Check every record below DIR against its own journal: each figure must follow from the recorded samples.

    Question fingerprints, journal digests, the ledger, the budget and all
    figures with their intervals are recomputed. A finding states the recorded
    and the recomputed value; findings are grouped by run. The exit code is 1 if
    there are any. Unfinished runs are listed but not checked.

    Method, task, tokenizer and policies are used where they are at hand: the
    method must ask for exactly the recorded samples, and token ids must decode
    to the recorded texts. What could not be checked is a note.

    --reverify also detects edits that are consistent across all files, since it
    verifies the text of every sample again.

    --replay draws samples again, token for token, from the base policy and from
    the checkpoints in the run's folder, if they are at hand.

    --digest prints a line that identifies everything that the records say,
    packed or not. Published elsewhere, it shows later that nothing was changed.

    Examples:

    sdzero-bench validate results

    sdzero-bench validate runs/rft-micro-arith-s0-20260101-120000 --reverify

    sdzero-bench validate results --json > findings.json
    """
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.packing import run_folders
    from sdzero_bench.report.audit.check_leaderboard import check_leaderboard, leaderboards

    folders = run_folders(folder)
    if not folders:
        raise UserError(f"there is no run or record below {str(folder)!r}")
    if digest:
        _print_digest(folders)
        return
    reports = _one_by_one(folders, jobs, reverify, replay) if reverify or replay else _checked(folders, jobs)
    boards = {str(place): list(check_leaderboard(place)) for place in leaderboards(folder)}
    count = sum(len(report.findings) for report in reports) + sum(map(len, boards.values()))
    if as_json:
        boards_as_dicts = {place: [finding.as_dict() for finding in findings] for place, findings in boards.items()}
        document = {"findings": count, "records": [report.as_dict() for report in reports], "leaderboards": boards_as_dicts}
        print(json.dumps(document, ensure_ascii=False))
    else:
        _show(reports, boards, count)
    raise SystemExit(1 if count else 0)


def _print_digest(folders: list[Path]) -> None:
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.own_digests import joint_digest, record_digest
    from sdzero_bench.records.packing import is_finished

    found = [record_digest(folder) for folder in folders if is_finished(folder)]
    if not found:
        raise UserError("no run is finished, so there is no record to make a digest of")
    print(f"sha256:{joint_digest(found)} {len(set(found))} records")


def _checked(folders: list[Path], jobs: int | None) -> list[AuditReport]:
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.report.audit.audit import check_records

    with ProgressDisplay().phase("validate", len(folders), unit="records") as bar:
        return check_records(folders, jobs or os.cpu_count() or 1, lambda report: bar.advance())


def _one_by_one(folders: list[Path], jobs: int | None, reverify: bool, replay: int) -> list[AuditReport]:
    """One record at a time: the parallel processes are the verifier's."""
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.report.audit.audit import compare_records, open_record
    from sdzero_bench.report.audit.redraw import redraw
    from sdzero_bench.report.audit.reverify import Reverifier

    reports, display = [], ProgressDisplay()
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
                report.findings += redraw(record, replay)
                report.notes += record.notes[known:]
    compare_records(reports)
    return reports


def _show(reports: list[AuditReport], boards: dict[str, list[Discrepancy]], count: int) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    finished = [report for report in reports if report.finished]
    for report in reports:
        if not report.finished:
            console.print(f"{report.folder}: not finished, not checked")
        elif report.findings or report.notes:
            console.print(f"{report.folder}")
            for finding in report.findings:
                console.print(f"  {finding}")
            for note in report.notes:
                console.print(f"  note: {note}")
    for place, findings in boards.items():
        for finding in findings:
            console.print(f"{place}: {finding}")
    what = f"{len(finished)} records, {sum(report.samples for report in finished):,} samples"
    if boards:
        what += f", {len(boards)} leaderboards"
    broken = sum(bool(report.findings) for report in finished) + sum(map(bool, boards.values()))
    console.print(
        f"{what}: {count} findings in {broken} of them" if count else f"{what}: every figure follows from its journal"
    )
