"""What a torture has found: counts, findings in words, the record of both, and the table that shows them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sdzero_bench.core.provenance import versions

FOLDER = Path("results/torture")


@dataclass
class Outcome:
    """What has been tried, by group and by what came of it, and what did not hold."""

    name: str
    tried: dict[str, Counter[str]] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """Measurements, with their unit in the key."""
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be tried here, and why."""
    started: float = field(default_factory=time.monotonic)

    def count(self, group: str, what: str, number: int = 1) -> None:
        self.tried.setdefault(group, Counter())[what] += number

    def find(self, group: str, finding: str) -> None:
        """One thing that did not hold; it is printed at once, since others may take long."""
        self.count(group, "did not hold")
        self.findings.append(f"{group}: {finding}")
        print(f"did not hold: {self.findings[-1]}", file=sys.stderr, flush=True)

    def expect(self, group: str, what: str, wrong: str | None) -> None:
        """Count `what` if nothing is wrong, else a finding."""
        if wrong is None:
            self.count(group, what)
        else:
            self.find(group, wrong)

    @property
    def total(self) -> int:
        return sum(sum(counts.values()) for counts in self.tried.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "machine": machine(),
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(time.monotonic() - self.started, 1),
            "cases": self.total,
            "tried": {group: dict(sorted(counts.items())) for group, counts in self.tried.items()},
            "figures": self.figures,
            "notes": self.notes,
            "findings": self.findings,
        }

    def conclude(self, folder: Path) -> int:
        """Write the record, print the table, and return the exit code: 1 if something did not hold."""
        folder.mkdir(parents=True, exist_ok=True)
        content = self.as_dict()
        (folder / f"{self.name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        console = Console()
        console.print(self._table(content["seconds"]))
        for note in self.notes:
            console.print(f"note: {escape(note)}", highlight=False, soft_wrap=True)
        for finding in self.findings:
            console.print(f"did not hold: {escape(finding)}", highlight=False, soft_wrap=True)
        return 1 if self.findings else 0

    def _table(self, seconds: float) -> Table:
        table = Table("what", "cases", "came of it", title=f"{self.name}: {self.total:,} cases, {seconds:,.0f} s")
        for group, counts in self.tried.items():
            said = ", ".join(f"{number:,} {what}" for what, number in sorted(counts.items()))
            table.add_row(group, f"{sum(counts.values()):,}", said)
        for name, value in self.figures.items():
            table.add_row(name, "", f"{value:,.4g}")
        return table


def machine() -> dict[str, object]:
    """The processor and the versions that a record was made with."""
    known = versions()
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "python": known["python"],
        "torch": known["torch"],
        "commit": known["commit"],
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
