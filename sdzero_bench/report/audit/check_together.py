"""Records against each other: measurements that two seeds share, and tuning trials that have records of their own."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.discrepancy import Discrepancy
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.ledger import EVALUATION, TEST, measured_on, measures
from sdzero_bench.records.record_files import MANIFEST, read_evaluation, read_ledger, read_manifest
from sdzero_bench.report.audit.audited_record import AuditedRecord, journal_file
from sdzero_bench.report.audit.check_tuning import check_trial

FEWEST_TOKENS = 4000
"""Two policies that were trained alike may draw the same tokens, since all are measured with the same random numbers. If they
agree on 95 % of samples, all of 16 samples agree in 44 % of cases, and all of 200 in 0.003 %. `--replay` finds smaller ones.
"""

NEARLY_ALL = 0.99
"""A share of equal samples that is worth a note: among the committed records, no two seeds agree on more than 98.4 %."""


@dataclass(frozen=True)
class MeasuredTokens:
    """The samples of one measured policy, each as a hash of its question, number and tokens."""

    samples: frozenset[int]
    tokens: int

    def agreement(self, other: MeasuredTokens) -> float:
        """The share of samples that both have."""
        return len(self.samples & other.samples) / max(len(self.samples), len(other.samples), 1)


@dataclass
class FoundTogether:
    """By record."""

    findings: dict[Path, list[Discrepancy]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[Path, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class Traits:
    """What of a record is compared with others; small enough to be passed between processes."""

    seed: int | None = None
    run_id: str = ""
    drawn: dict[str, MeasuredTokens] = field(default_factory=dict)
    """By phase."""


def traits(record: AuditedRecord) -> Traits:
    if record.config is None or record.manifest is None or record.config.evaluation.temperature == 0:
        return Traits(run_id=record.manifest.run_id if record.manifest is not None else "")
    # The few samples of a learning curve or of another task may be the same by chance.
    whole = [p for p in record.samples if measures(p) and measured_on(p) == TEST and not p.endswith(".curve")]
    drawn = {phase: _drawn(record.samples[phase]) for phase in whole}
    return Traits(record.config.seed, record.manifest.run_id, drawn)


def check_together(records: Sequence[tuple[Path, Traits]]) -> FoundTogether:
    found = FoundTogether()
    _shared(records, found)
    for folder, file, what in _trials(records):
        found.findings[folder].append(Discrepancy(file, what))
    return found


def _shared(records: Sequence[tuple[Path, Traits]], found: FoundTogether) -> None:
    """Trained policies of two seeds that drew the same tokens. Policies that draw as the base does are left out."""
    every = [(folder, own, phase, drawn) for folder, own in records for phase, drawn in own.drawn.items()]
    of_base = [drawn for *_, phase, drawn in every if phase.startswith(f"{EVALUATION}.base")]
    large = [entry for entry in every if entry[3].tokens >= FEWEST_TOKENS]
    for number, (folder, own, phase, drawn) in enumerate(large):
        alike = [(other, its, drawn.agreement(theirs)) for other, its, _, theirs in large[:number] if its.seed != own.seed]
        other, its, share = max(alike, key=lambda one: one[2], default=(folder, own, 0.0))
        if share < NEARLY_ALL or any(drawn.agreement(base) >= share for base in of_base):
            continue
        whose = f"the samples of {str(other)!r}, a run of seed {its.seed}"
        if share == 1:
            found.findings[folder].append(Discrepancy(journal_file(phase), f"has {whose}"))
        else:
            said = (
                f"{journal_file(phase)}: has {100 * share:.1f} % of {whose}; --replay tells whether its own policy draws them"
            )
            found.notes[folder].append(said)


def _trials(records: Sequence[tuple[Path, Traits]]) -> Iterator[tuple[Path, str, str]]:
    """Trials that are not what their own records, where they are among these, say of them."""
    by_id = {own.run_id: folder for folder, own in records if own.run_id}
    for folder, own in records:
        if not own.run_id or (tuning := read_manifest(folder).tuning) is None:
            continue
        for number, trial in enumerate(tuning.trials):
            if (place := by_id.get(trial.run_id)) is None:
                continue
            try:
                used = sum(use.samples for phase, use in read_ledger(place).items() if not measures(phase))
                ways = list(check_trial(trial, read_manifest(place).config, read_evaluation(place), used))
            except (UserError, IndexError):
                continue  # the trial's own record has the finding
            for way in ways:
                yield folder, MANIFEST, f"tuning.trials.{number} ({trial.run_id}): {way}"


def _drawn(samples: Sequence[Sample]) -> MeasuredTokens:
    hashes = (hashlib.sha256(json.dumps((s.question_id, s.index, s.token_ids)).encode()).digest()[:8] for s in samples)
    return MeasuredTokens(frozenset(int.from_bytes(h, "big") for h in hashes), sum(len(s.token_ids) for s in samples))
