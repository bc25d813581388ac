"""What keeping the books costs: seconds and memory of journal and ledger a sample, and of a report over many records.

    python benchmarks/costs_at_scale.py [--samples 1000 10000 100000] [--records 10000] [--json FILE]

Samples come from a stub that takes no time: 500 tokens each, verified at once. Each size runs in a process of its own. The
share is of results/coder, whose samples are real: seconds of sampling one there, against seconds of keeping one here.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from sdzero_bench.core.completion import Completion, Request, SamplingParameters
from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.journal import Journal
from sdzero_bench.records.ledger import Budget, Ledger
from sdzero_bench.records.own_digests import with_own_digest
from sdzero_bench.records.reader import load_runs
from sdzero_bench.records.record_files import EVALUATION_FILE, MANIFEST, RESULT, parsed
from sdzero_bench.records.rollouts import Prompt, Rollouts
from sdzero_bench.records.schema import Manifest

HERE = Path(__file__).resolve().parent.parent
TOKENS = 500
MB = 1e6


class StubEngine:
    name, version, batch_size = "stub", "1", 64

    def generate(self, requests: Sequence[Request], parameters: SamplingParameters) -> list[Completion]:
        return [Completion(tuple((r.seed + i) % 50_000 for i in range(TOKENS)), "stop") for r in requests]


class StubVerifier:
    def verify(self, pairs: Sequence[Any]) -> list[Verdict]:
        return [Verdict(1.0, answer="42") for _ in pairs]


class TimedJournal(Journal):
    seconds = 0.0

    def append(self, samples: Any) -> None:
        started = time.perf_counter()
        super().append(samples)
        self.seconds += time.perf_counter() - started


def _budget(n: int) -> Budget:
    return Budget(question_set="0" * 16, questions=n, samples=n, new_tokens_per_sample=TOKENS)


def draw(n: int) -> dict[str, Any]:
    """One phase of n samples, read once afterwards as a method reads it."""
    with tempfile.TemporaryDirectory() as folder:
        journal = TimedJournal(Path(folder))
        ledger = Ledger.recount(_budget(n), journal.phases, {})
        rollouts = Rollouts(journal, ledger, StubVerifier(), lambda ids: "x" * 4 * TOKENS)  # type: ignore[arg-type]
        # One object for all, so that what the caller holds does not count.
        question = Question("q", "text", "42")
        prompts = [Prompt(question, (1, 2, 3), str(i)) for i in range(n)]
        process = psutil.Process()
        before, started = process.memory_info().rss, time.perf_counter()
        drawn = rollouts.draw("p", "base", StubEngine(), prompts, SamplingParameters(1.0, 1.0, TOKENS), 0)
        seconds = time.perf_counter() - started
        tokens = sum(len(sample.token_ids) for sample in drawn)
        assert tokens == TOKENS * n
        grown = process.memory_info().rss - before
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    return {
        "samples": n,
        "seconds": seconds,
        "journal_seconds": journal.seconds,
        "journal_ms_a_sample": 1000 * journal.seconds / n,
        "memory_grown_mb": grown / MB,
        "on_disk_mb": size / MB,
    }


def report(n: int) -> dict[str, Any]:
    """`sdzero-bench report` over n records of 10 methods, 25 seeds, and as many settings as it takes."""
    source = next((HERE / "results" / "coder").glob("rft-*"))
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n):
            copy = Path(folder, "runs", f"r{i}")
            copy.mkdir(parents=True)
            for name in (RESULT, EVALUATION_FILE):
                (copy / name).write_text(json.dumps(parsed(source / name)))
            manifest = parsed(source / MANIFEST)
            manifest["run_id"] = copy.name
            manifest["config"]["seed"] = i % 25
            manifest["config"]["method"]["epochs"] = 1 + i // 25 % 10
            manifest["config"]["optimizer"]["learning_rate"] = 1e-6 * (1 + i // 250)
            RunFolder(copy).write(MANIFEST, with_own_digest(Manifest.model_validate(manifest)))
        started = time.perf_counter()
        command = [sys.executable, "-m", "sdzero_bench", "report", str(Path(folder, "runs")), "--out", str(Path(folder, "out"))]
        process = subprocess.Popen([*command, "--format", "json", "--format", "csv"], stdout=subprocess.DEVNULL)
        _, status, use = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit("the report failed")
        return {"records": n, "seconds": time.perf_counter() - started, "peak_mb": use.ru_maxrss / 1e3}


def seconds_a_sample() -> float:
    """Of sampling and verifying, over the committed runs on real weights."""
    uses = [use for run in load_runs(HERE / "results" / "coder") for use in run.result.ledger.values() if use.samples]
    return sum(use.wall_seconds for use in uses) / sum(use.samples for use in uses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    if min(*options.samples, options.records) < 1:
        parser.error("--samples and --records have to be at least 1")
    drawn = []
    for n in options.samples:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            drawn.append(alone.apply(draw, (n,)))
    real = seconds_a_sample()
    for row in drawn:
        row["share_of_sampling_percent"] = row["journal_ms_a_sample"] / (10 * real)
    table = Table("samples", "journal, ms a sample", "% of real sampling", "memory grown, MB", "on disk, MB", title="Journal")
    for r in drawn:
        figures = (r["journal_ms_a_sample"], r["share_of_sampling_percent"], r["memory_grown_mb"], r["on_disk_mb"])
        table.add_row(f"{r['samples']:,}", *(f"{figure:,.3g}" for figure in figures))
    Console().print(table)
    reported = report(options.records)
    print(f"a report over {reported['records']:,} records: {reported['seconds']:.1f} s, {reported['peak_mb']:,.0f} MB")
    if options.json:
        content = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "tokens": TOKENS, "journal": drawn, "report": reported}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
