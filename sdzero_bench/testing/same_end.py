"""Whether a run that was disturbed ended as the same run did undisturbed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def differences(whole: Path, other: Path) -> list[str]:
    """What differs in the ends of two runs of the same settings; nothing may, but for times and places."""
    return [*_journals(whole, other), *_checkpoints(whole, other), *_figures(whole, other), *_leftovers(other)]


def _journals(whole: Path, other: Path) -> Iterator[str]:
    names = [sorted(path.name for path in folder.glob("journal/*.jsonl")) for folder in (whole, other)]
    if names[0] != names[1]:
        yield f"the journals are {names[1]} instead of {names[0]}"
    for name in sorted({*names[0]} & {*names[1]}):
        rows = [sorted((folder / "journal" / name).read_bytes().splitlines()) for folder in (whole, other)]
        if rows[0] != rows[1]:
            yield f"journal/{name} differs in {len(set(rows[0]) ^ set(rows[1]))} lines"


def _checkpoints(whole: Path, other: Path) -> Iterator[str]:
    files = [_below(folder / "checkpoints") for folder in (whole, other)]
    for name in sorted(files[0].keys() | files[1].keys()):
        if files[0].get(name) != files[1].get(name):
            yield f"checkpoints/{name} {'differs' if name in files[0] and name in files[1] else 'is in one of the two only'}"


def _below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.glob("[!.]*/**/*")
        if path.is_file()
    }  # fmt: skip


def _figures(whole: Path, other: Path) -> Iterator[str]:
    for name in ("evaluation.json", "ledger.json", "result.json", "curve.json"):
        files = [folder / name for folder in (whole, other)]
        contents = [_counts(json.loads(file.read_bytes())) if file.is_file() else None for file in files]
        if contents[0] != contents[1]:
            yield f"{name} differs"
    for path in sorted(whole.glob("training/*.jsonl")):
        steps = [
            [_counts(json.loads(line)) for line in file.read_text().splitlines()] if file.is_file() else None
            for file in (path, other / "training" / path.name)
        ]
        if steps[0] != steps[1]:
            yield f"training/{path.name} differs"


_OF_THE_SESSION = ("seconds", "run_id", "folder", "peak_memory", "runtime", "per_second", "step_time", "per_sec")
"""Parts of the keys of what depends on when, where and how often a run was started."""


def _counts(content: Any) -> Any:
    """JSON data without what depends on the session."""
    if isinstance(content, dict):
        return {key: _counts(value) for key, value in content.items() if not any(part in key for part in _OF_THE_SESSION)}
    return [_counts(item) for item in content] if isinstance(content, list) else content


def _leftovers(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob(".*")):
        if not path.name.endswith((".lock", ".sums", ".sha256")) or not path.is_file():
            yield f"{path.relative_to(folder)} is left over"
