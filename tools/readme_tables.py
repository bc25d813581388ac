"""What README.md, docs/ and the model cards say of the committed records, between markers `<!-- begin: NAME -->` and
`<!-- end: NAME -->`.

    python -m tools.readme_tables            # writes the pages
    python -m tools.readme_tables --check    # exit code 1 if it would change one

Each block is a table of a committed page with the notes that belong to it, to the letter, or says in words what a record has. A
block may be on several pages.
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
from tools.micro_model.calibration import RANGES

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results"
CORE = ("base", "sft", "rft", "rest_em", "grpo", "rloo", "sdft", "srt", "sdzero")
"""The paper's methods, and the most common ones."""
WORLDS = ROOT / "tasks" / "micro_world"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(WORLDS.glob("*/README.md")))
LEADERBOARD, SLIPS, TUNED, DIAL, CODER = (
    RESULTS / board / "README.md" for board in ("micro", "slips", "tuned", "dial", "coder")
)
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
    notes = notes.replace("more of this table", "more of the full table")
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


def computed_from() -> str:
    """How many runs the page of claims is computed from, and what they took, per preset."""
    found = re.findall(r"^- (Preset .*?), model .*\.\n- (Computed from .*)", CLAIMS.read_text(encoding="utf-8"), re.MULTILINE)
    return "\n".join(f"- {preset}: {said[0].lower()}{said[1:]}" for preset, said in found)


CALIBRATED = {
    "avg": ("avg@8", "49.8, over all benchmarks"),
    "pass": ("pass@8", "66.7, math subset"),
    "kept": ("keeps a correct response correct when it revises", "-"),
    "corrected": ("revises an incorrect response into a correct one", "2.7, AIME24"),
    "length of a revision": ("length of a revision, relative to the first response", "137, AIME24"),
    "right with a worked solution": ("correct when shown the worked solution", "-"),
    "right with a right response": ("correct when shown a correct response", "-"),
}
"""Figures of calibration.json: what they are, and that of the paper's base, Qwen3-4B (tables 1, 7 and 9)."""


def base_figures(world: str) -> str:
    """The figures of a world's base, beside the ranges to which `habits` was calibrated."""
    tasks = json.loads((WORLDS / world / "calibration.json").read_text())
    rows = ["| in percent | " + " | ".join((*tasks, "calibrated to", "the paper's base")) + " |"]
    rows.append("| --- |" + " ---: |" * (len(tasks) + 2))
    for name, (label, paper) in CALIBRATED.items():
        low, high = RANGES[name]
        found = (f"{100 * figures[name]:.1f}" for figures in tasks.values())
        rows.append("| " + " | ".join((label, *found, f"{100 * low:.0f} to {100 * high:.0f}", paper)) + " |")
    return "\n".join(rows)


def localisation() -> str:
    """Where the reviser of the run in results/run disagrees with its responses, by tools/micro_model/measure.py."""
    measured = json.loads((RESULTS / "run" / "localisation.json").read_text())
    before, after = (
        f"{100 * found['kl_mass']:.1f} % ({found['nats_on_line']:.2f} nats there, {found['nats_elsewhere']:.2f} elsewhere)"
        for found in (measured["before_srt"], measured["after_srt"])
    )
    return (
        f"Before SRT, {before} of kl(student, teacher)\nfalls on the first incorrect line, and after SRT {after}.\n"
        f"That line has {100 * measured['before_srt']['share_of_tokens']:.1f} % of the tokens."
    )


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
HABITS = "## Preset micro"
DIAL_ERRORS, DIAL_MODELS = "## Results by type of error", "## Two models of nearly the same errors"
DIAL_LOOKS = "## Results by how careful revisions are"
MARKS = (OTHER, UNCOMMITTED)
CODE_NOTES = (*MARKS, "gold answers")
COST_NOTES = ("budget used", "trained tokens", "pts per")
LEADERBOARD_NOTES = ("Intervals:", "rank:", "Δ vs base:")

BLOCKS: dict[str, Callable[[], str]] = {
    "run": partial(quoted, RUN, "", "| policy |"),
    "core-micro-arith": partial(core_rows, ARITH),
    "leaderboard-micro-arith": partial(quoted, LEADERBOARD, ARITH, "| rank |", MARKS),
    "leaderboard-micro-code": partial(quoted, LEADERBOARD, CODE, "| rank |", CODE_NOTES),
    "slips-micro-arith": partial(quoted, SLIPS, ARITH, "| rank |", MARKS),
    "slips-micro-code": partial(quoted, SLIPS, CODE, "| rank |", MARKS),
    "tuned-micro-arith": partial(quoted, TUNED, ARITH, "| rank |", MARKS),
    "tuned-micro-code": partial(quoted, TUNED, CODE, "| rank |", MARKS),
    "tuning-micro-arith": partial(quoted, TUNED, ARITH, "| method | chosen |", ("avg of", "lowest tried")),
    "tuning-micro-code": partial(quoted, TUNED, CODE, "| method | chosen |", ("avg of", "lowest tried")),
    "leaderboard-coder": partial(quoted, CODER, "## mbpp", "| rank |", MARKS),
    "dial-errors": partial(quoted, DIAL, DIAL_ERRORS, "| world |", ("from-d", "slips", "corrected", "Differences")),
    "dial-looks": partial(quoted, DIAL, DIAL_LOOKS, "| world |", ("All with",)),
    "dial-models": partial(quoted, DIAL, DIAL_MODELS, "| model |", ("avg@8",)),
    "leaderboard-notes": lambda: shared_notes((ARITH, CODE), LEADERBOARD_NOTES),
    "cost-micro-arith": partial(quoted, LEADERBOARD, ARITH, "| method | samples |"),
    "cost-micro-code": partial(quoted, LEADERBOARD, CODE, "| method | samples |", COST_NOTES),
    "table1": partial(quoted, RESULTS / "tables" / "table1.md", "", "| row | mean"),
    "verdicts": partial(quoted, CLAIMS, "## The paper's claims", "| claim |"),
    "orders": partial(quoted, CLAIMS, HABITS, "| after - before |", ("paper:", "sdzero after SRT:")),
    "claims": partial(quoted, CLAIMS, HABITS, "| claim |", ("after - before", "Runs that share", "sdzero after SRT:")),
    "open-questions": partial(quoted, CLAIMS, HABITS, "| question |", ("better",)),
    "computed-from": computed_from,
    **{f"base-{path.parent.name}": partial(base_figures, path.parent.name) for path in WORLDS.glob("*/calibration.json")},
    "localisation": localisation,
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
