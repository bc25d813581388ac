"""`sdzero-bench submit`: records of one's own as an entry of the leaderboard, and its verification."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdzero_bench.core.text import counted

if TYPE_CHECKING:
    from sdzero_bench.cli.commands.executing import Prepared
    from sdzero_bench.core.distributed import Ranks
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.report.submissions.rules import Submitted

PLACE = Path("results/submissions")


def submit(
    records: Annotated[
        Path | None, typer.Argument(metavar="[RECORDS]", help="Packed records or runs of one method: one, or a folder of them.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the entry, and of its folder.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Who submits; with --verify, who verifies. Default with --verify: your login name.")
    ] = None,
    paper: Annotated[str | None, typer.Option(help="Paper of the method. Default: what the method itself says.")] = None,
    link: Annotated[str | None, typer.Option(help="Where to read more, such as a repository.")] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(help="File of the method's source, if it is not of the suite; repeat it for each module of its package."),
    ] = None,
    unused_budget: Annotated[
        str | None, typer.Option(metavar="WHY", help="Why the method uses less than 95 % of the samples of the budget.")
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Run a seed of this entry again, and put down on its card whether it agrees."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With --verify: the seed to run again. Default: the smallest.")] = None,
    place: Annotated[Path, typer.Option(file_okay=False, help="Folder of all submissions.")] = PLACE,
    out: Annotated[Path, typer.Option(help="With --verify: folder in which the run is repeated.")] = Path("runs/verification"),
    replay: Annotated[
        int, typer.Option(min=0, metavar="N", help="Draw N random samples of each record again, from policies at hand.")
    ] = 16,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of verifier processes. Default: one per core.")
    ] = None,
) -> None:
    """Submit records of a method to the leaderboard, as an unverified entry; or verify such an entry.

    The records are checked first: everything that `validate` checks, every
    response verified again, and the rules of CONTRIBUTING.md (Submit results):
    three seeds or more, from 0 on; the preset's settings but for the method's;
    at least 95 % of the budget; a commit of this project without changes; a
    method of the suite, or its source. If something is against them, each
    reason is a line, nothing is written, and the exit code is 1.

    An entry is results/submissions/NAME: the packed records and a card,
    submission.json. `sdzero-bench report` shows it as unverified: with the rank
    that it would have, without changing that of any other row.

    --verify checks an entry in the same way and runs one seed again, from the
    record's own settings. If the samples are the same, or on another stack the
    accuracy lies within the recorded interval, the entry is verified and is
    ranked; else the card says that it was not reproduced, and the exit code is
    1. If it is interrupted, the same command resumes it.

    Examples:

    sdzero-bench submit runs/mine --name ada-rft --by "Ada Lovelace"

    sdzero-bench submit packed --name shortest --by Ada --source shortest.py \\
        --link https://example.org/shortest

    sdzero-bench report results/micro results/submissions

    sdzero-bench submit --verify ada-rft --by "A. Maintainer"
    """
    from sdzero_bench.core.errors import UserError

    if (records is None) == (verify is None):
        raise UserError("give either RECORDS and --name to submit, or --verify NAME")
    if verify is not None:
        if name is not None or paper is not None or link is not None or source or unused_budget is not None:
            raise UserError("--name, --paper, --link, --source and --unused-budget are for a new entry, not for --verify")
        _verify(verify, place, seed, by or getpass.getuser(), out, replay, jobs)
        return
    if name is None or not (by or "").strip():
        raise UserError("give the entry a name with --name, and say with --by who submits it")
    assert records is not None
    assert by is not None
    if seed is not None:
        raise UserError("--seed is for --verify: a submission has all seeds")
    _submit(records, name, place, by, paper, link, source or [], unused_budget, replay, jobs)


def _submit(
    records: Path,
    name: str,
    place: Path,
    by: str,
    paper: str | None,
    link: str | None,
    source: list[Path],
    unused_budget: str | None,
    replay: int,
    jobs: int | None,
) -> None:
    from sdzero_bench.report.submissions.rules import submitted
    from sdzero_bench.report.submissions.submitting import require_name, write_entry
    from sdzero_bench.runs import registry

    target = require_name(name, place)
    entry = submitted(records, source, unused_budget)
    not_checked = _checked(entry, str(records), replay, jobs)
    method = registry.method(entry.runs[0].method)
    card = write_entry(entry, records, target, by, paper or method.paper, link, not_checked)
    for run in entry.left_out:
        typer.echo(f"left out, since the leaderboard has its own: {run.run_id}")
    for note in not_checked:
        typer.echo(f"not checked here: {note}")
    typer.echo(f"{card.digest}")
    records_of = f"{counted(len(entry.runs), 'record')} of {card.method}"
    typer.echo(f"{target}: {records_of}, unverified. Look at it: sdzero-bench report {target}")


def _verify(name: str, place: Path, seed: int | None, by: str, out: Path, replay: int, jobs: int | None) -> None:
    from sdzero_bench.cli.commands.executing import carry_out
    from sdzero_bench.records.folder import RunFolder
    from sdzero_bench.records.reader import load_run
    from sdzero_bench.records.record_files import has_manifest, is_finished
    from sdzero_bench.report.submissions.card import CARD, RECORDS, SOURCE, read_card
    from sdzero_bench.report.submissions.check_card import check_card
    from sdzero_bench.report.submissions.rerun import chosen_run, put_down, session_of
    from sdzero_bench.report.submissions.rules import submitted

    entry = Path(name) if (Path(name) / CARD).is_file() else place / name
    card = read_card(entry)
    _refuse(str(entry), [str(finding) for finding in check_card(entry)])
    given = submitted(entry / RECORDS, [entry / SOURCE / file for file in card.source], card.unused_budget)
    recorded = chosen_run(given.runs, seed)
    _checked(given, str(entry), replay, jobs)
    folder = out / f"{card.name}-{recorded.run_id}"
    if not (has_manifest(folder) and is_finished(folder)):

        def prepare(display: ProgressDisplay, ranks: Ranks) -> Prepared:
            again = RunFolder(folder)
            return [(session_of(recorded, again, display), lambda: again)]

        carry_out(prepare, as_json=False)
    card = put_down(entry, card, recorded, load_run(folder), by)
    assert card.verification is not None
    said = f"{entry}: {card.status} by {by}, seed {recorded.seed}: {card.verification.said}"
    if card.status != "verified":
        _refuse(str(entry), [f"seed {recorded.seed} was run again: {card.verification.said}"])
    typer.echo(said)


def _checked(entry: Submitted, what: str, replay: int, jobs: int | None) -> list[str]:
    """Check a submission; if something is against it, print each reason and exit. Returns what could not be checked."""
    from sdzero_bench.core.progress import ProgressDisplay
    from sdzero_bench.report.submissions.submitting import inspect

    inspection = inspect(entry, replay, jobs, ProgressDisplay())
    _refuse(what, inspection.reasons)
    return inspection.not_checked


def _refuse(what: str, reasons: list[str]) -> None:
    """Print each reason on a line and exit with code 1; do nothing if there is none."""
    if reasons:
        typer.echo(f"sdzero-bench: {what} is refused:", err=True)
        for reason in reasons:
            typer.echo(f"  {reason}", err=True)
        raise SystemExit(1)
