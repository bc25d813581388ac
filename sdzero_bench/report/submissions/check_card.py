"""The card of a submission against its records and its source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.discrepancy import Discrepancy, compare
from sdzero_bench.report.submissions.card import CARD, RECORDS, SOURCE, Card, digest_of, read_card
from sdzero_bench.report.submissions.rules import digest_of_files, submitted
from sdzero_bench.report.submissions.submitting import commits_of, differing_from_the_preset, hardware


def check_card(entry: Path) -> Iterator[Discrepancy]:
    """A finding for each thing that the card says and the records do not."""
    try:
        card = read_card(entry)
        runs = submitted(entry / RECORDS).runs
        yield from compare(CARD, "digest", card.digest, digest_of(entry), "validate --digest says")
    except UserError as error:
        yield Discrepancy(CARD, str(error))
        return
    first = runs[0]
    facts = {
        "name": entry.resolve().name,
        "method": first.method,
        "preset": first.config.preset,
        "tasks": sorted({run.task for run in runs}),
        "seeds": sorted({run.seed for run in runs}),
        "hardware": hardware(runs),
        "commits": commits_of(runs),
        "bench_version": first.manifest.bench_version,
        "method_sha256": first.manifest.digests.method if first.manifest.digests else None,
    }
    for name, fact in facts.items():
        yield from compare(CARD, name, getattr(card, name), fact, "the records have")
    with contextlib.suppress(UserError):  # a method that is not installed here
        yield from compare(CARD, "settings", card.settings, differing_from_the_preset(first), "the records have")
    yield from _source(entry, card)
    if (said := card.verification) and (said.run_id, said.seed) not in {(run.run_id, run.seed) for run in runs}:
        yield Discrepancy(CARD, f"verification is of {said.run_id}, seed {said.seed}, which is not among the records")
    agreed = card.verification is not None and card.verification.agreement != "differs"
    if (card.status == "verified") != agreed:
        yield Discrepancy(CARD, f'status is "{card.status}", and its verification does not say so')


def _source(entry: Path, card: Card) -> Iterator[Discrepancy]:
    if card.source:
        try:
            digest = digest_of_files([entry / SOURCE / name for name in card.source])
        except UserError as error:
            yield Discrepancy(SOURCE, str(error))
            return
        yield from compare(SOURCE, "digest of the method", digest, card.method_sha256, "the card has")
