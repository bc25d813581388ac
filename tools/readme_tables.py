"""What README.md and docs/ say of the committed records, between markers `<!-- begin: NAME -->` and `<!-- end: NAME -->`.

    python -m tools.readme_tables            # writes the pages
    python -m tools.readme_tables --check    # exit code 1 if it would change one

Each block is a table of a committed page with the notes that belong to it, to the letter; `full-budget` is the table of
results/full_budget.yaml, which has no page; `benchmarks-...` say in words what their records have. A block may be on several
pages.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path

from sdzero_bench.report.leaderboard.commit_marks import OTHER, UNCOMMITTED
from sdzero_bench.report.rendering.formats import markdown
from sdzero_bench.report.reproduce.cells import Setting
from sdzero_bench.report.reproduce.experiment import named
from sdzero_bench.report.reproduce.section import section
from sdzero_bench.report.reproduce.shelf import Shelf

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
CORE = ("base", "sft", "rft", "rest_em", "grpo", "rloo", "sdft", "srt", "sdzero")
"""The paper's methods, and the most common ones."""
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
LEADERBOARD, SLIPS = RESULTS / "micro" / "README.md", RESULTS / "slips" / "README.md"
CLAIMS = RESULTS / "README.md"
(RUN,) = (RESULTS / "run").glob("sdzero-micro-arith-*/summary.md")


def quoted(page: Path, heading: str, start: str, notes: tuple[str, ...] = ()) -> str:
    """The first table below `heading` whose first line begins with `start`, and of its notes those that begin with `notes`.

    Without a heading, of the whole page.
    """
    text = page.read_text(encoding="utf-8")
    below = text.partition(f"\n{heading}\n")[2] if heading else text
    lines = below[below.index(f"\n{start}") + 1 :].splitlines()
    table = list(takewhile(lambda line: line.startswith("|"), lines))
    following = takewhile(lambda line: not line or line.startswith("- "), lines[len(table) :])
    said = [line for line in following if line.startswith(tuple(f"- {note}" for note in notes))]
    return "\n".join([*table, "", *said] if said else table)


def core_rows(heading: str) -> str:
    """The rows of the core methods in the leaderboard below `heading`; their ranks are among all methods."""
    table, _, notes = quoted(LEADERBOARD, heading, "| rank |", MARKS).partition("\n\n")
    head, line, *rows = table.splitlines()
    own = [row for row in rows if row.split(" | ")[2].rstrip(f" {OTHER}{UNCOMMITTED}") in CORE]
    return "\n".join([head, line, *own, *(["", notes] if notes else [])])


def shared_notes(headings: tuple[str, ...], notes: tuple[str, ...]) -> str:
    """The notes of the leaderboards below `headings` that begin with `notes`, without the counts that differ between them."""
    found = []
    for heading in headings:
        _, _, said = quoted(LEADERBOARD, heading, "| rank |", notes).partition("\n\n")
        found.append(re.sub(r", \d+ of \d+ here", "", said))
    if len(set(found)) > 1:
        raise ValueError("the leaderboards have different notes")
    return found[0]


def full_budget() -> str:
    (experiment,) = named([str(RESULTS / "full_budget.yaml")])
    blocks = section(experiment, Setting("micro-1"), Shelf([RESULTS / "records", RESULTS / "micro-1"])).blocks
    _, _, text = markdown(blocks).partition(f"- {experiment.question}\n\n")
    return text.strip()


def computed_from() -> str:
    """How many runs the page of claims is computed from, and what they took."""
    (line,) = re.findall(r"^- Computed from .*", CLAIMS.read_text(encoding="utf-8"), re.MULTILINE)
    return str(line).removeprefix("- ")


def sandbox_throughput() -> str:
    measured = json.loads((RESULTS / "sandbox_throughput.json").read_text())["measured"]
    tier_1 = [row for row in measured if row["checker"].startswith("tier 1") and "C++" not in row["workload"]]
    rates = [row["programs_per_second"] for row in tier_1]
    return f"Programs per second in Python at tier 1, on two cores: {min(rates):.0f} to {max(rates):.0f}."


def costs_at_scale() -> str:
    costs = json.loads((RESULTS / "costs_at_scale.json").read_text())
    most, report = costs["journal"][-1], costs["report"]
    return (
        f"Bookkeeping takes {most['journal_ms_a_sample']:.2f} ms per sample of {costs['tokens']} tokens, and "
        f"{most['memory_grown_mb']:.0f} MB of memory at {most['samples']:,} samples. A report over {report['records']:,} "
        f"records takes {report['seconds']:.0f} s and {report['peak_mb'] / 1000:.1f} GB, on {costs['cores']} cores."
    )


ARITH, CODE = "## micro-arith", "## micro-code"
MARKS = (OTHER, UNCOMMITTED)
LEADERBOARD_NOTES = ("Intervals:", "rank:", "Δ vs base:")

BLOCKS: dict[str, Callable[[], str]] = {
    "run": partial(quoted, RUN, "", "| policy |"),
    "core-micro-arith": partial(core_rows, ARITH),
    "leaderboard-micro-arith": partial(quoted, LEADERBOARD, ARITH, "| rank |", MARKS),
    "leaderboard-micro-code": partial(quoted, LEADERBOARD, CODE, "| rank |", MARKS),
    "slips-micro-arith": partial(quoted, SLIPS, ARITH, "| rank |", MARKS),
    "slips-micro-code": partial(quoted, SLIPS, CODE, "| rank |", MARKS),
    "leaderboard-notes": lambda: shared_notes((ARITH, CODE), LEADERBOARD_NOTES),
    "cost-micro-arith": partial(quoted, LEADERBOARD, ARITH, "| method | samples |"),
    "cost-micro-code": partial(quoted, LEADERBOARD, CODE, "| method | samples |"),
    "orders": partial(quoted, CLAIMS, "## The paper's order of methods", "| after - before |", ("paper:", "sdzero after SRT:")),
    "full-budget": full_budget,
    "claims": partial(
        quoted, CLAIMS, "## The paper's claims", "| claim |", ("after - before", "Rows whose", "sdzero after SRT:")
    ),
    "open-questions": partial(quoted, CLAIMS, "## What the paper leaves open", "| question |", ("better",)),
    "computed-from": computed_from,
    "benchmarks-sandbox": sandbox_throughput,
    "benchmarks-costs": costs_at_scale,
}
MARKED = re.compile(r"(<!-- begin: ([\w-]+) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text with every block in it regenerated. Raises `ValueError` for markers of an unknown block."""
    return MARKED.sub(_written, text)


def _written(markers: re.Match[str]) -> str:
    begin, name, end = markers.groups()
    if name not in BLOCKS:
        raise ValueError(f"there is no block {name!r}, but {', '.join(BLOCKS)}")
    return f"{begin}{BLOCKS[name]()}\n{end}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check, changed = parser.parse_args().check, False
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = filled(before)
        changed |= before != after
        if not check:
            page.write_text(after, encoding="utf-8")
    return int(check and changed)


if __name__ == "__main__":
    sys.exit(main())
