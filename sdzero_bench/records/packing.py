"""Packed records: a finished run without what is large, small enough to be committed, whole enough to be recomputed.

A record is the run's folder without checkpoints and pictures, every sample included. Whatever reads a run reads its record as
it is, through `RecordedJournal` and `read_lines`; `sdzero-bench validate` recomputes every figure from it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.compressed import COMPRESSED, compressed
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.line_sums import LineSums
from sdzero_bench.records.own_digests import JSON_FILES
from sdzero_bench.records.packed_folder import JOURNAL, LINES, TRAINING, Stream, pack_folder, packed_folder, packed_twice
from sdzero_bench.records.packed_lines import pack_lines, phases_in, read_lines
from sdzero_bench.records.prompt_digests import prompts_of, without_prompts
from sdzero_bench.records.question_sets import FOLDER as QUESTION_SETS
from sdzero_bench.records.question_sets import find_question_set
from sdzero_bench.records.record_files import (
    MANIFEST,
    RESULT,
    format_of,
    has_manifest,
    is_finished,
    no_folder,
    parsed,
    read_manifest,
)
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.records.schema import FORMAT_VERSION, Manifest
from sdzero_bench.records.texts import shared_decoder, without_texts

NAMES_INSIDE = {QUESTION_SETS, JOURNAL, TRAINING}

LEFT_OUT = {"checkpoints", QUESTION_SETS, *(name for f in (JOURNAL, TRAINING) for name in (f, packed_folder(Path(f)).name))}
"""Names that are not copied: left out, or packed in another form."""

OF_A_RUN = {name + ending for name in (MANIFEST, RESULT, JOURNAL + LINES) for ending in ("", COMPRESSED)}
"""Files that mark a folder as a run or record."""


def is_packed(folder: Path) -> bool:
    """Whether a folder is a packed record, or what is left of one."""
    return any(folder.glob(f"*{COMPRESSED}")) or any((folder / JOURNAL).glob(f"*{COMPRESSED}"))


def run_folders(below: Path) -> list[Path]:
    """The runs and records in `below`, itself included, in the order of their paths; checkpoints are not searched.

    A folder without its manifest is found by its result or journal. Raises `UserError` if the folder does not exist, or if one
    below it cannot be listed.
    """
    if not below.is_dir():
        raise UserError(no_folder(below))
    found = []
    for place, folders, files in os.walk(below, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "checkpoints")
        if JOURNAL in folders or not OF_A_RUN.isdisjoint(files):
            found.append(Path(place))
    return sorted(found)


def _refuse(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):
        return  # a live run removed it meanwhile
    raise UserError(f"cannot list {str(error.filename)!r}: {error.strerror}") from error


def pack(run: RunFolder | Path, out: Path, shared: Path | None = None, alone: bool = False) -> Path:
    """Write the packed record of a finished run to `out`, under the name of the run's folder, and return its path.

    Its question sets go to question_sets/ in `shared` (by default `out`), which records below it share, or with `alone` into
    the record itself. The same run packed twice is the same bytes. The record appears whole; an existing one is replaced when
    the new one is complete. Raises `UserError` if the run is not finished or not whole, or if anything but its own record is in
    the record's place.
    """
    source = (run.path if isinstance(run, RunFolder) else run).resolve()
    target = out.resolve() / source.name
    if not is_finished(source):
        raise UserError(f"{str(source)!r} is not finished; resume it with: sdzero-bench run --resume {source}")
    if target == source or source in target.parents:
        raise UserError(f"the record would be written into the run {str(source)!r} itself; choose another folder with --out")
    if source.name in NAMES_INSIDE:
        raise UserError(f"a record cannot be called {source.name!r}, as a folder inside it is; rename the run's folder")
    _require_room(source, target)
    out.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out, prefix=f".{source.name}."))
    try:
        for name, content in chain(_packed_files(source), _packed_questions(source)):
            place = (partial if alone else shared or out) if name.parts[0] == QUESTION_SETS else partial
            _write(place / name, content)
        partial.chmod(0o755)
        _put_in_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _require_room(source: Path, target: Path) -> None:
    """Raises `UserError` if something stands in the record's place that is not a packed record of the same run."""
    if not target.exists():
        return
    elsewhere = "move it away, or choose another folder with --out"
    if not (has_manifest(target) and is_packed(target)):
        what = "an unpacked run" if has_manifest(target) else "not a record"
        raise UserError(f"{str(target)!r} exists and is {what}; {elsewhere}")
    if (there := read_manifest(target).run_id) != read_manifest(source).run_id:
        raise UserError(f"{str(target)!r} is the record of another run, {there}; {elsewhere}")


def _require_logs(run: Path, manifest: Manifest) -> None:
    """Raises `UserError` for a run that lacks a training log which its manifest names, or has a folder in both forms."""
    if both := packed_twice(run):
        raise UserError(f"{str(run / both[0])!r} exists also as {packed_folder(Path(both[0]))}; remove one of the two")
    logs = {f"{TRAINING}/{phase}{LINES}" for phase in phases_in(run / TRAINING)}
    if manifest.digests is not None and (missing := {n for n in manifest.digests.files if n.startswith(TRAINING)} - logs):
        raise UserError(f"{str(run)!r} has no {min(missing)!r}, which {MANIFEST} names; validate the run")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _packed_files(run: Path) -> Iterator[tuple[Path, bytes]]:
    """Names, relative to the record, and contents. Runs inside the run, such as tuning trials, are records of their own."""
    manifest = read_manifest(run)
    _require_logs(run, manifest)
    inner = {path for path in run_folders(run) if path != run}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run)
        hidden = any(part.startswith(".") for part in name.parts)
        left_out = name.parts[0] in LEFT_OUT or name.parts[0].startswith("learning_curve.")
        if hidden or left_out or path.suffix == LineSums.SUFFIX or not inner.isdisjoint(path.parents):
            continue
        if path.suffix == LINES:
            yield name.with_name(name.name + COMPRESSED), pack_lines(read_lines(path))
        elif (file := path.name.removesuffix(COMPRESSED)) in (MANIFEST, *JSON_FILES):
            content = parsed(path.with_name(file))
            if file == RESULT and isinstance(content, dict):
                # Where the run was made is its owner's affair, and would distinguish two copies of one record.
                content = {**content, "folder": run.name}
            text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
            yield name.with_name(file + COMPRESSED), compressed(f"{text}\n")
        else:
            yield name, path.read_bytes()
    if journals := _packed_journals(run, manifest):
        shared, prompts = prompts_of(journals)
        short = {phase: without_prompts(rows, shared, prompts) for phase, rows in journals.items()}
        yield packed_folder(Path(JOURNAL)), pack_folder(short, {phase: _streams(manifest, phase) for phase in short})
        if prompts:
            yield Path(QUESTION_SETS, shared + LINES + COMPRESSED), pack_lines(prompts)
    if phases := phases_in(run / TRAINING):
        logs = {phase: read_lines(run / TRAINING / f"{phase}{LINES}") for phase in phases}
        yield packed_folder(Path(TRAINING)), pack_folder(logs)


def _packed_journals(run: Path, manifest: Manifest) -> dict[str, list[dict[str, Any]]]:
    """The journals by phase, without what readers of the record can restore (`shared_decoder`); whole in format 1, whose digest
    covers texts.

    Raises `UserError` if the numbers of samples are not those in the manifest.
    """
    journal = RecordedJournal(run)
    rows = {phase: list(journal.rows(phase)) for phase in journal.phases}
    if (known := manifest.journal) is not None:
        for phase in sorted(rows.keys() | known.keys()):
            found, said = len(rows.get(phase, ())), known[phase].samples if phase in known else 0
            if found != said:
                raise UserError(
                    f"the journal of {phase} in {str(run)!r} has {found} samples, and {MANIFEST} says {said}; validate the run"
                )
    if all("text" in row for those in rows.values() for row in those) and format_of(run) == FORMAT_VERSION:
        return without_texts(rows, shared_decoder(manifest.config.model))
    return rows


def _packed_questions(run: Path) -> Iterator[tuple[Path, bytes]]:
    if (files := read_manifest(run).question_files) is None:
        return  # format 1, whose one file is packed with the others
    for name in dict.fromkeys(filter(None, (files.train, files.test, *files.others.values()))):
        yield Path(QUESTION_SETS, name + LINES + COMPRESSED), pack_lines(read_lines(find_question_set(run, name)))


def _streams(manifest: Manifest, phase: str) -> list[Stream]:
    """Where the seeds of a phase may come from: its own stream, or one that all evaluations share (`Rollouts.draw`)."""
    run, measured = manifest.config.seed, manifest.config.evaluation.seed
    return [(run, phase), (measured, EVALUATION), (measured, f"{EVALUATION}.revision")]


def _put_in_place(partial: Path, target: Path) -> None:
    """Rename the new record to its name. A folder cannot replace another atomically: the old one is set aside until then."""
    if not target.exists():
        os.replace(partial, target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    os.replace(target, aside / target.name)
    try:
        os.replace(partial, target)
    except BaseException:
        os.replace(aside / target.name, target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
