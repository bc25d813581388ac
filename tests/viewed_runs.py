"""Runs for the viewer's tests: made-up records whose samples have the texts and verdicts that a test asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthetic_records import write_record

from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.journal import Journal, Sample
from sdzero_bench.report.viewer.sample_table import read_samples, run_names
from sdzero_bench.report.viewer.viewer_page import viewer_page

FINAL = "evaluation.final"


def rewrite(run: Path, phase: str, change: Callable[[Sample], Sample | Mapping[str, Any]]) -> None:
    """Replace the samples of a phase; a mapping is written as it is, even if it is not a sample."""
    rows = [change(sample) for sample in Journal(run / "journal").phases[phase].values()]
    lines = [row.to_json() if isinstance(row, Sample) else json.dumps(row) for row in rows]
    (run / "journal" / f"{phase}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (run / "journal" / f"{phase}.crc").unlink(missing_ok=True)  # the sums of the lines before


def with_text(run: Path, text: str, key: str = "test-0/0") -> Path:
    """The run, with another text in one sample of its last phase."""
    rewrite(run, FINAL, lambda sample: replace(sample, text=text) if sample.key == key else sample)
    return run


def with_revisions(run: Path) -> Path:
    """The run, with a revision of each sample of its last phase: right where the index is even."""
    phase = f"{FINAL}.revision"
    with (run / "journal" / f"{phase}.jsonl").open("w") as file:
        for sample in Journal(run / "journal").phases[FINAL].values():
            right = float(int(sample.index) % 2 == 0)
            verdict = Verdict(right, answer="7", detail="revised so")
            prefix = f"{sample.text}\n\nWait, let me check.\n"
            changed = replace(sample, phase=phase, prefix=prefix, text=f"revised {sample.key}", verdict=verdict)
            file.write(changed.to_json() + "\n")
    return run


def small(folder: Path, method: str = "rft", **options: Any) -> Path:
    return write_record(folder, method, **{"accuracy": 0.5, "questions": 8, "k": 4, "train": 2, "intervals": False, **options})


def page_of(runs: Sequence[Path], file: Path) -> Path:
    file.write_text(viewer_page(read_samples(run_names(runs))), encoding="utf-8")
    return file
