"""`sdzero-bench validate`: records checked against their own journals."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.cli.commands.options import AsJson
from sdzero_bench.core.text import counted, in_one_line

if TYPE_CHECKING:
    from sdzero_bench.records.discrepancy import Discrepancy
    from sdzero_bench.report.audit.audit import AuditReport

    Findings = dict[str, list[Discrepancy]]
    """By folder."""


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
    without_plug_ins: Annotated[
        bool,
        typer.Option(
            "--without-plug-ins",
            help="Run no code of methods and tasks that other packages have installed. What depends on them is not checked.",
        ),
    ] = False,
    as_json: AsJson = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of parallel processes. Default: one per core.")
    ] = None,
) -> None:
    """Check every record below DIR against its own journal: each figure must follow from the recorded samples.

    Question fingerprints, journal digests, the ledger, the budget and all
    figures with their intervals are recomputed. A finding states the recorded
    and the recomputed value; findings are grouped by run. The exit code is 1 if
    there are any. Unfinished runs are listed but not checked. Leaderboards,
    other than their HTML pages and pictures, and the cards of submissions are
    checked against their records.

    Method, task, tokenizer and policies are used where they are at hand: the
    method must ask for exactly the recorded samples, and token ids must decode
    to the recorded texts. What could not be checked is a note.

    --reverify also detects edits that are consistent across all files, since it
    verifies the text of every sample again.

    --replay draws samples again, token for token, from the base policy and from
    the checkpoints in the run's folder, if they are at hand.

    A method that is not built in is gone through on its journal: its code runs
    here. --without-plug-ins checks the record of a method that you do not trust
    without it; evaluations are still verified and drawn again.

    --digest prints a line that identifies everything that the records say,
    packed or not. Published elsewhere, it shows later that nothing was changed,
    if validate finds nothing either.

    Examples:

    sdzero-bench validate results

    sdzero-bench validate runs/rft-micro-arith-s0-20260101-120000 --reverify

    sdzero-bench validate submitted --without-plug-ins --reverify --replay 64

    sdzero-bench validate results --json > findings.json
    """
    from sdzero_bench.core.errors import UserError
    from sdzero_bench.records.own_digests import digest_line
    from sdzero_bench.records.packing import run_folders
    from sdzero_bench.report.audit.check_leaderboard import check_leaderboard, leaderboards
    from sdzero_bench.report.submissions.card import entries
    from sdzero_bench.report.submissions.check_card import check_card
    from sdzero_bench.runs.registry import WITHOUT_PLUG_INS

    if without_plug_ins:
        os.environ[WITHOUT_PLUG_INS] = "1"  # for worker processes too
    folders = run_folders(folder)
    if not folders:
        raise UserError(f"there is no run or record below {str(folder)!r}")
    if digest:
        if reverify or replay or as_json:
            raise UserError("--digest checks nothing, and cannot be combined with --reverify, --replay or --json")
        print(digest_line(folders))
        return
    reports = _checked(folders, jobs, reverify, replay)
    boards = {str(place): list(check_leaderboard(place)) for place in leaderboards(folder)}
    cards = {str(place): list(check_card(place)) for place in entries(folder)}
    count = sum(len(report.findings) for report in reports) + sum(map(len, [*boards.values(), *cards.values()]))
    if as_json:
        document = {
            "findings": count,
            "records": [report.as_dict() for report in reports],
            "leaderboards": {place: [finding.as_dict() for finding in findings] for place, findings in boards.items()},
            "submissions": {place: [finding.as_dict() for finding in findings] for place, findings in cards.items()},
        }
        print(json.dumps(document))
    else:
        _show(reports, boards, cards, count)
    raise SystemExit(1 if count else 0)


def _checked(folders: list[Path], jobs: int | None, reverify: bool, replay: int) -> list[AuditReport]:
    from sdzero_bench.core.progress import ProgressDisplay

    if reverify or replay:
        from sdzero_bench.report.audit.thorough import check_thoroughly

        return check_thoroughly(folders, jobs, reverify, replay, ProgressDisplay())
    from sdzero_bench.report.audit.audit import check_records

    with ProgressDisplay().phase("validate", len(folders), unit="records") as bar:
        return check_records(folders, jobs or os.cpu_count() or 1, lambda report: bar.advance())


def _show(reports: list[AuditReport], boards: Findings, cards: Findings, count: int) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    finished = [report for report in reports if report.finished]
    for report in reports:
        if not report.finished:
            console.print(f"{report.folder}: not finished, not checked")
        elif report.findings or report.notes:
            console.print(f"{report.folder}")
            for finding in report.findings:
                console.print(f"  {in_one_line(str(finding))}")
            for note in report.notes:
                console.print(f"  note: {in_one_line(note)}")
    for place, findings in (*boards.items(), *cards.items()):
        for finding in findings:
            console.print(f"{place}: {in_one_line(str(finding))}")
    what = f"{counted(len(finished), 'record')}, {counted(sum(report.samples for report in finished), 'sample')}"
    if boards:
        what += f", {counted(len(boards), 'leaderboard')}"
    if cards:
        what += f", {counted(len(cards), 'submission')}"
    broken = sum(bool(report.findings) for report in finished) + sum(map(bool, [*boards.values(), *cards.values()]))
    if count:
        console.print(f"{what}: {counted(count, 'finding')} in {broken} of them")
    elif finished:
        console.print(f"{what}: every figure follows from its journal")
    else:
        console.print("no run is finished: nothing was checked")
