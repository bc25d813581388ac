"""Older formats of a record, brought to the present one while they are read. Files on disk are left as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sdzero_bench.records.schema import FORMAT_VERSION

Files = dict[str, Any]
"""JSON files of one record by name, as parsed; those that were not asked for are missing."""


def migrate(files: Files, version: int) -> Files:
    """The files of a record of format `version`, up to the present one, in the present format."""
    for start in range(version, FORMAT_VERSION):
        files = MIGRATIONS[start](files)
    return files


def _from_1(files: Files) -> Files:
    """Format 1 had no number. Its questions are in one file, its journals' digests cover the texts, and its first records say
    nothing of what came later: the harness, the run that a policy comes from, tests that were left out, the sandbox.
    """
    later = {"origin": None, "harness": None, "left_out_tests": 0, "sandbox": None}
    migrated = dict(files)
    if isinstance(manifest := files.get("manifest.json"), dict):
        manifest = {**later, "question_files": None, "journal": None, **manifest, "format_version": 2}
        if isinstance(journal := manifest["journal"], dict):
            manifest["journal"] = {
                phase: {"texts_sha256": None, **said} if isinstance(said, dict) else said for phase, said in journal.items()
            }
        migrated["manifest.json"] = manifest
    if isinstance(result := files.get("result.json"), dict):
        migrated["result.json"] = {**later, **result}
    return migrated


MIGRATIONS: dict[int, Callable[[Files], Files]] = {1: _from_1}
"""From each older format to the next."""


def version_of(manifest: Any) -> int:
    """The format of a record, by its manifest."""
    version = manifest.get("format_version", 1) if isinstance(manifest, dict) else FORMAT_VERSION
    return version if type(version) is int and version > 0 else FORMAT_VERSION  # the schema refuses what is neither
