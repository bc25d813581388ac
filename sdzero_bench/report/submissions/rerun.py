"""One seed of a submission run again: from the record's own settings, and held against the record."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.text import percent, with_interval
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.reader import FINAL, RunRecord
from sdzero_bench.records.record_files import read_manifest
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.report.submissions.card import Agreement, Card, Verification, write_card
from sdzero_bench.runs.config import MAY_CHANGE, differing_settings, validate
from sdzero_bench.runs.resuming import session_in, use_as_many_threads
from sdzero_bench.runs.session import Session

OF_NO_SAMPLE = ("commit", "sdzero-bench", "math-verify", "mpmath", "reasoning-gym", "pebble", "scipy")
"""Versions that decide no sample, or that the checks of the record have seen to."""


def chosen_run(runs: tuple[RunRecord, ...], seed: int | None) -> RunRecord:
    """The run of that seed, by default of the smallest; of several tasks the first. Raises `UserError` if there is none."""
    wanted = min(run.seed for run in runs) if seed is None else seed
    found = next((run for run in runs if run.seed == wanted), None)
    if found is None:
        seeds = ", ".join(str(seed) for seed in sorted({run.seed for run in runs}))
        raise UserError(f"there is no record of seed {wanted}; there are: {seeds}")
    return found


def session_of(run: RunRecord, folder: RunFolder, display: ProgressDisplay) -> Session:
    """The session that runs it again in `folder`, or goes on with it there.

    Raises `UserError` if the questions here are others than the record's.
    """
    folder.lock()
    if folder.manifest is not None:
        require_repetition(run, folder.path)
        return session_in(folder, display)
    session = Session(validate(run.config), display)
    session.tuning = run.tuning
    found = {"question_set": session.train_questions.fingerprint, "test_set": session.test_questions.fingerprint}
    for name, fingerprint in found.items():
        if fingerprint != getattr(run.manifest, name):
            raise UserError(f"the {name} of {run.run_id} is {getattr(run.manifest, name)}, and here it is {fingerprint}")
    if not run.manifest.hardware.accelerators:
        use_as_many_threads(run.manifest.hardware.torch_threads, display)
    return session


def require_repetition(run: RunRecord, folder: Path) -> None:
    """Raises `UserError` if what is in `folder` is no run with the settings of the record."""
    between = differing_settings(validate(run.config), validate(read_manifest(folder).config))
    if names := [key for key, _, _ in between if key not in MAY_CHANGE]:
        raise UserError(
            f"{str(folder)!r} holds a run with other settings ({', '.join(names)}); remove it, or choose another --out"
        )


def agreement(recorded: RunRecord, again: RunRecord) -> tuple[Agreement, str]:
    """How a run agrees with the record that it repeats, and the same in a sentence.

    The same samples settle it wherever they were drawn. On the same versions and CPUs nothing else will do. Elsewhere, and on
    GPUs, sums are rounded in another order: the accuracy then has to lie within the interval that the record states.
    """
    before, after = recorded.entry(FINAL), again.entry(FINAL)
    if before is None or after is None:
        raise UserError(f"{recorded.run_id} or its repetition has no final policy; validate the records")
    differing = [phase for phase, digest in _tokens(recorded).items() if _tokens(again).get(phase) != digest]
    if not differing:
        return "identical samples", f"the same token ids in all phases, and avg@{after.samples_per_question} {_avg(again)}"
    other = _differences(recorded, again)
    figures = f"{_avg(again)} again, recorded {with_interval(before.avg_at_k, before.interval)}"
    if not other:
        return "differs", f"other token ids in {differing[0]} on the same versions and CPU, and avg (%) {figures}"
    within = before.interval[0] <= after.avg_at_k <= before.interval[1]
    place = "within" if within else "outside"
    said = f"other token ids on another stack ({', '.join(other)}); avg (%) {figures}: {place} the interval"
    return ("accuracy within the interval" if within else "differs"), said


def put_down(entry: Path, card: Card, recorded: RunRecord, again: RunRecord, by: str) -> Card:
    """Write into the card how the run agreed, and return it. Raises `UserError` as `require_repetition` does."""
    require_repetition(recorded, again.folder)
    kind, said = agreement(recorded, again)
    verification = Verification(
        by=by,
        date=datetime.now(UTC).date().isoformat(),
        commit=again.manifest.versions.get("commit"),
        run_id=recorded.run_id,
        seed=recorded.seed,
        agreement=kind,
        said=said,
    )
    status = "not reproduced" if kind == "differs" else "verified"
    changed = card.model_copy(update={"status": status, "verification": verification})
    write_card(entry, changed)
    return changed


def _avg(run: RunRecord) -> str:
    final = run.entry(FINAL)
    return percent(final.avg_at_k if final else None)


def _tokens(run: RunRecord) -> dict[str, str]:
    """By phase, a digest of the token ids of all samples."""
    journal = RecordedJournal(run.folder)
    return {
        phase: hashlib.sha256(
            json.dumps(sorted((s["question_id"], s["index"], s["token_ids"]) for s in journal.rows(phase))).encode()
        ).hexdigest()
        for phase in journal.phases
    }


def _differences(recorded: RunRecord, again: RunRecord) -> list[str]:
    """In what the two runs may have rounded differently; nothing where the same samples are to be expected."""
    one, other = recorded.manifest, again.manifest
    found = [
        f"{name} {other.versions.get(name)} for {one.versions.get(name)}"
        for name in one.versions
        if name not in OF_NO_SAMPLE and one.versions[name] != other.versions.get(name)
    ]
    if one.hardware.accelerators or other.hardware.accelerators:
        found.append(f"{_gpus(other.hardware.accelerators)} for {_gpus(one.hardware.accelerators)}, not deterministic")
    for name in ("machine", "system", "cpu", "torch_threads", "processes"):
        before, after = getattr(one.hardware, name), getattr(other.hardware, name)
        if before != after:
            found.append(f"{name} {after} for {before}")
    if one.hardware.cpu is None:
        found.append("the CPU of the record is not known")
    if one.sampled_in != other.sampled_in:
        found.append(f"sampled in {other.sampled_in} for {one.sampled_in}")
    return found


def _gpus(names: list[str]) -> str:
    return ", ".join(names) or "no GPU"
