"""From records to an entry: check everything, pack, and write the card."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.records.packing import pack
from sdzero_bench.records.reader import RunRecord
from sdzero_bench.records.schema import Hardware
from sdzero_bench.report.audit.thorough import check_thoroughly
from sdzero_bench.report.leaderboard.commit_marks import commits
from sdzero_bench.report.submissions.card import RECORDS, SOURCE, Card, Name, digest_of, write_card
from sdzero_bench.report.submissions.rules import Submitted, broken_rules, settings_changed


@dataclass(frozen=True)
class Inspection:
    """What came of checking a submission."""

    reasons: list[str]
    """Why it is refused."""
    not_checked: list[str]
    """What could not be checked here."""


def inspect(entry: Submitted, replay: int, jobs: int | None, display: ProgressDisplay) -> Inspection:
    """The rules, and all that `validate --reverify --replay` finds; trials of tuning are validated with the runs.

    Records are not read twice for what breaks a rule already: samples are only checked if the rules are kept.
    """
    if reasons := broken_rules(entry):
        return Inspection(reasons, [])
    reports = check_thoroughly([run.folder for run in entry.all], jobs, True, replay, display)
    found = [f"{report.folder.name}: {finding}" for report in reports for finding in report.findings]
    notes = [note for report in reports for note in report.notes if "samples were drawn again" not in note]
    return Inspection(found, list(dict.fromkeys(notes)))


def require_name(name: str, place: Path) -> Path:
    """The folder of a new entry. Raises `UserError` for a name that is none or is taken."""
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UserError(f"--name {name!r}: use up to 64 lower-case letters, digits, dots, dashes and underscores") from None
    if (place / name).exists():
        raise UserError(f"{str(place / name)!r} exists; choose another --name, or remove it first")
    return place / name


def write_entry(
    entry: Submitted, records: Path, target: Path, by: str, paper: str, link: str | None, not_checked: Sequence[str]
) -> Card:
    """Write the packed records, the source and the card; the entry appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        packed = partial / RECORDS
        for run in entry.all:
            below = run.folder.relative_to(records).parent if run.folder != records else Path()
            pack(run.folder, packed / below, shared=packed)
        for file in entry.source:
            (partial / SOURCE).mkdir(exist_ok=True)
            shutil.copy(file, partial / SOURCE / file.name)
        card = _card(entry, target.name, by, paper, link, not_checked, digest_of(partial))
        write_card(partial, card)
        partial.chmod(0o755)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return card


def _card(entry: Submitted, name: str, by: str, paper: str, link: str | None, not_checked: Sequence[str], digest: str) -> Card:
    first = entry.runs[0]
    digests = first.manifest.digests
    assert digests is not None
    assert digests.method is not None  # the rules ask for it
    return Card(
        name=name,
        status="unverified",
        by=by,
        date=datetime.now(UTC).date().isoformat(),
        method=first.method,
        method_sha256=digests.method,
        source=[file.name for file in entry.source],
        paper=paper,
        link=link,
        preset=first.config.preset,
        tasks=sorted({run.task for run in entry.runs}),
        seeds=sorted({run.seed for run in entry.runs}),
        settings=differing_from_the_preset(first),
        unused_budget=entry.unused_budget,
        hardware=hardware(entry.runs),
        commits=commits_of(entry.runs),
        bench_version=first.manifest.bench_version,
        not_checked=list(not_checked),
        digest=digest,
    )


def differing_from_the_preset(run: RunRecord) -> dict[str, JsonValue]:
    """The settings of a run that its preset has otherwise; what was tuned says so, since seeds may have chosen differently."""
    tuned: dict[str, JsonValue] = dict.fromkeys(run.tuning.grid, "tuned") if run.tuning else {}
    return {**{key: own for key, _, own in settings_changed(run)}, **tuned}


def hardware(runs: Sequence[RunRecord]) -> list[str]:
    return sorted({in_words(run.manifest.hardware) for run in runs})


def commits_of(runs: Sequence[RunRecord]) -> list[str]:
    return sorted({commit for run in runs for commit in commits(run)})


def in_words(hardware: Hardware) -> str:
    """`2 x NVIDIA H100`, or the CPU and its threads."""
    if hardware.accelerators:
        return f"{len(hardware.accelerators)} x {hardware.accelerators[0]}"
    return f"{hardware.cpu or hardware.machine}, {hardware.torch_threads} threads"
