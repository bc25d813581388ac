"""Whether a run that was cut and resumed ended as one that was not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdzero_bench.records.record_files import LEDGER


def differences(whole: Path, resumed: Path) -> Iterator[str]:
    """In words, what the resumed run folder has otherwise than the whole one: samples, weights, figures, the ledger's counts.

    Times, and the order in which samples were journaled, may differ.
    """
    for kind, pattern in (("journal", "journal/*.jsonl"), ("checkpoint", "checkpoints/*/model.safetensors")):
        names = [sorted(str(path.relative_to(folder)) for path in folder.glob(pattern)) for folder in (whole, resumed)]
        if names[0] != names[1]:
            yield f"the files {pattern} are {names[1]}, and were {names[0]}"
            continue
        for name in names[0]:
            contents = [(folder / name).read_bytes() for folder in (whole, resumed)]
            if kind == "journal":
                contents = [b"\n".join(sorted(content.splitlines())) for content in contents]
            if contents[0] != contents[1]:
                yield f"{name} differs"
    for name in ("evaluation.json", LEDGER):
        figures = [_without_seconds(json.loads((folder / name).read_text())) for folder in (whole, resumed)]
        if figures[0] != figures[1]:
            yield f"{name} differs"
    if left := [str(p.relative_to(resumed)) for p in resumed.rglob("*") if ".trainer" in p.name or ".partial" in p.name]:
        yield f"temporary files are left: {', '.join(sorted(left))}"


def _without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_seconds(inner) for key, inner in value.items() if not key.endswith("seconds")}
    return [_without_seconds(inner) for inner in value] if isinstance(value, list) else value
