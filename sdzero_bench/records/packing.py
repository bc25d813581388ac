"""Packed records: a finished run without what is large, small enough to be committed, whole enough to be recomputed.

A record is the run's folder without checkpoints and pictures, every sample included. Whatever reads a run reads its record as
it is, through `read_lines`; `sdzero-bench validate` recomputes every figure from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sdzero_bench.core.errors import UserError
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.ledger import EVALUATION
from sdzero_bench.records.packed_lines import COMPRESSED, Stream, pack_lines, read_lines

__all__ = ["is_finished", "journal_digest", "journal_manifest", "pack", "phases_in", "read_lines", "run_folders"]

_LINES = ".jsonl"


def run_folders(below: Path) -> list[Path]:
    """The runs and records in `below`, itself included, in the order of their paths; checkpoints are not searched.

    A folder that has lost its manifest is found by its result or its journal. Raises `UserError` if there is no such folder.
    """
    if not below.is_dir():
        raise UserError(f"there is no folder {str(below)!r}")
    found = []
    for place, folders, files in os.walk(below):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "checkpoints")
        if "manifest.json" in files or "result.json" in files or "journal" in folders:
            found.append(Path(place))
    return sorted(found)


def is_finished(run: Path) -> bool:
    """Whether a run has come to its end. Raises `UserError` if its manifest cannot be read."""
    manifest = _read_json(run / "manifest.json")
    return manifest.get("state") == "finished" and (run / "result.json").is_file()


def phases_in(folder: Path) -> list[str]:
    """Names of the phases that have a file of lines, packed or not, in the journal or training folder of a run."""
    names = {path.name.removesuffix(COMPRESSED) for path in folder.glob(f"[!.]*{_LINES}*")}
    return sorted(name.removesuffix(_LINES) for name in names if name.endswith(_LINES))


def journal_digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256, in hex, of everything that a journal says of its samples.

    It is over the samples' canonical JSON in the order of question and index: neither the order of the lines nor the form of
    the file matters, so that a run and its packed record have the same. Raises `KeyError` for a row that is no sample.
    """
    lines = [(str(r["question_id"]), str(r["index"]), json.dumps(r, sort_keys=True, separators=(",", ":"))) for r in rows]
    digest = hashlib.sha256()
    for _, _, line in sorted(lines):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def journal_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Number and digest of the samples of every phase of a run or record: what its manifest says under `journal`.

    `folder` is the run's. Raises `UserError` where `read_lines` does.
    """
    manifest = {}
    for phase in phases_in(folder / "journal"):
        rows = list(read_lines(folder / "journal" / f"{phase}{_LINES}"))
        manifest[phase] = {"samples": len(rows), "sha256": journal_digest(rows)}
    return manifest


def pack(run: RunFolder | Path, out: Path) -> Path:
    """Write the packed record of a finished run to `out`, under the name of the run's folder, and return its path.

    The same run packed twice is the same bytes. The record appears whole; one that is there is replaced in the moment in which
    the new one is. Raises `UserError` if the run is not finished, or if something else is in the record's place.
    """
    source = (run.path if isinstance(run, RunFolder) else run).resolve()
    target = out.resolve() / source.name
    if not is_finished(source):
        raise UserError(f"{str(source)!r} is not finished; go on with: sdzero-bench run --resume {source}")
    if target == source or source in target.parents:
        raise UserError(f"the record would be written into the run {str(source)!r} itself; choose another folder with --out")
    if target.exists() and not (target / "manifest.json").is_file():
        raise UserError(f"{str(target)!r} is there and is no record; move it away, or choose another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out, prefix=f".{source.name}."))
    try:
        for name, content in _packed_files(source):
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        partial.chmod(0o755)
        _put_in_place(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _packed_files(run: Path) -> Iterator[tuple[Path, bytes]]:
    """Names, relative to the record, and contents. Runs inside the run, such as tuning trials, are records of their own."""
    manifest = _read_json(run / "manifest.json")
    inner = {path for path in run_folders(run) if path != run}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run)
        hidden = any(part.startswith(".") for part in name.parts)
        left_out = name.parts[0] == "checkpoints" or name.parts[0].startswith("learning_curve.")
        if hidden or left_out or not inner.isdisjoint(path.parents):
            continue
        if path.suffix == _LINES:
            streams = _streams(manifest, path.stem) if name.parts[0] == "journal" else []
            yield name.with_name(name.name + COMPRESSED), pack_lines(read_lines(path), streams)
        elif name == Path("result.json"):
            # Where the run was made is its owner's affair, and would tell two copies of one record apart.
            result = {**_read_json(path), "folder": run.name}
            yield name, (json.dumps(result, indent=2, ensure_ascii=False) + "\n").encode()
        else:
            yield name, path.read_bytes()


def _streams(manifest: dict[str, Any], phase: str) -> list[Stream]:
    """Where the seeds of a phase may come from: its own stream, or one that all evaluations share (`Rollouts.draw`)."""
    config = manifest.get("config", {})
    measured = config.get("evaluation", {}).get("seed", 0)
    return [(config.get("seed", 0), phase), (measured, EVALUATION), (measured, f"{EVALUATION}.revision")]


def _put_in_place(partial: Path, target: Path) -> None:
    """Rename the new record to its name. No folder can replace another at once: the old one goes aside, and back if need be."""
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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{str(path)!r} is missing; this is no whole run") from error
    except ValueError as error:
        raise UserError(f"{str(path)!r} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{str(path)!r} is no JSON object")
    return content
