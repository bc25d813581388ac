"""Digests of a record's own files and of policies, the same for a run and for its packed record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sdzero_bench.core.bench_version import UNVERSIONED
from sdzero_bench.core.errors import DamagedError, UserError
from sdzero_bench.core.text import counted
from sdzero_bench.records.compressed import stored
from sdzero_bench.records.curve_record import CURVE_FILE
from sdzero_bench.records.packed_folder import LINES
from sdzero_bench.records.packed_lines import phases_in, read_lines
from sdzero_bench.records.record_files import (
    EVALUATION_FILE,
    LEDGER,
    MANIFEST,
    RESULT,
    dump,
    is_finished,
    parsed,
    read_manifest,
)
from sdzero_bench.records.recorded_journal import RecordedJournal, journal_digest
from sdzero_bench.records.schema import Manifest

LOCALISATION_FILE = "localisation.json"
JSON_FILES = (LEDGER, EVALUATION_FILE, RESULT, LOCALISATION_FILE, CURVE_FILE)
REPORTED = (EVALUATION_FILE, RESULT, LOCALISATION_FILE, CURVE_FILE)
"""Files that reports read."""
TEXT_FILES = ("config.yaml", "summary.md")
ABOUT_A_POLICY = {"README.md", "build.json", "calibration.json"}
"""Files of a policy's folder that describe it, and do not determine what it says."""


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256, in hex, of what each file of a record says, by name: not of how it is packed, nor of where it lies on the disk.

    Without the manifest, which has these digests and one of its own; journals and question sets have theirs in it. Raises
    `UserError` for a file that cannot be read.
    """
    found = {name: digest for name in JSON_FILES if (digest := json_digest(folder, name)) is not None}
    for name in TEXT_FILES:
        if (folder / name).is_file():
            found[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    for phase in phases_in(folder / "training"):
        found[f"training/{phase}{LINES}"] = _digest(read_lines(folder / "training" / f"{phase}{LINES}"))
    return found


def json_digest(folder: Path, name: str) -> str | None:
    """SHA-256, in hex, of what one of the `JSON_FILES` says; None if it is missing. Raises `UserError` if it cannot be read."""
    if stored(folder / name) is None:
        return None
    content = parsed(folder / name)
    if name == RESULT and isinstance(content, dict):
        content = {key: value for key, value in content.items() if key != "folder"}
    return _digest([content])


def with_own_digest(manifest: Manifest) -> Manifest:
    """The manifest, with a digest of all else that it says."""
    if manifest.digests is None:
        return manifest
    digests = manifest.digests.model_copy(update={"manifest": _manifest_digest(dump(manifest))})
    return manifest.model_copy(update={"digests": digests})


def manifest_is_changed(folder: Path, manifest: Manifest) -> bool:
    """Whether the manifest of a finished run is not as the run wrote it. Raises `UserError` if it cannot be read."""
    digests = manifest.digests
    if digests is None:
        return False
    if digests.manifest is None:
        return manifest.bench_version != UNVERSIONED  # since there is a version, every run writes it
    return _manifest_digest(parsed(folder / MANIFEST)) != digests.manifest


def _manifest_digest(content: dict[str, Any]) -> str:
    digests = {key: value for key, value in content["digests"].items() if key != "manifest"}
    return _digest([{**content, "digests": digests}])


def lacks_digests(manifest: Manifest) -> bool:
    """Whether a finished run has no digests though it is from after there were any: they were removed."""
    return manifest.digests is None and manifest.bench_version != UNVERSIONED


def exchanged(folder: Path, manifest: Manifest) -> list[str]:
    """Which of the files that reports read are not as the run wrote them, by the digests in its manifest."""
    own = [MANIFEST] if manifest_is_changed(folder, manifest) else []
    if manifest.digests is None:
        return own
    said = manifest.digests.files
    return own + [name for name in REPORTED if json_digest(folder, name) != said.get(name)]


def require_as_written(folder: Path, manifest: Manifest) -> None:
    """Raises `DamagedError` for a finished run whose figures are not as it wrote them."""
    if changed := exchanged(folder, manifest):
        raise DamagedError(
            f"{' and '.join(changed)} of {str(folder)!r} changed after the run had ended; see: sdzero-bench validate {folder}"
        )


def policy_digest(folder: Path) -> str:
    """SHA-256, in hex, of the names and contents of a policy's files.

    Folders in its folder, hidden files and `ABOUT_A_POLICY` are left out: a model whose card is edited is the same model.
    """
    digest = hashlib.sha256()
    files = (path for path in folder.iterdir() if path.is_file() and path.name not in ABOUT_A_POLICY)
    for path in sorted(path for path in files if not path.name.startswith(".")):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def record_digest(folder: Path) -> str:
    """SHA-256, in hex, of everything that a record says: its manifest, its files and its samples.

    A run and its packed record have the same. Raises `UserError` for a file that cannot be read.
    """
    journal = RecordedJournal(folder)
    samples = {phase: _samples_digest(journal, phase) for phase in journal.phases}
    return _digest([parsed(folder / MANIFEST), file_digests(folder), samples])


def _samples_digest(journal: RecordedJournal, phase: str) -> str:
    try:
        return journal_digest(journal.rows(phase))
    except KeyError as error:
        file = str(journal.folder / "journal" / f"{phase}{LINES}")
        raise UserError(f"{file!r} has a line that is not a sample (it lacks {error}); validate the record") from error


def joint_digest(digests: list[str]) -> str:
    """One digest of several records, whatever their order and however often each occurs; that of one record is its own."""
    different = sorted(set(digests))
    return different[0] if len(different) == 1 else hashlib.sha256("\n".join(different).encode()).hexdigest()


def digest_line(folders: Sequence[Path]) -> str:
    """The line of `validate --digest` on the finished runs among these.

    Raises `UserError` if there are none, for a file that cannot be read, and for a finished run without its result.
    """
    for folder in folders:
        if read_manifest(folder).state == "finished" and not is_finished(folder):
            raise UserError(f"{str(folder / RESULT)!r} is missing; validate the record")
    found = [record_digest(folder) for folder in folders if is_finished(folder)]
    if not found:
        raise UserError("no run is finished, so there is no record to make a digest of")
    return f"sha256:{joint_digest(found)} {counted(len(set(found)), 'record')}"


def _digest(contents: Iterator[Any] | list[Any]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
