"""Tables of README.md, written between markers `<!-- begin: NAME -->` and `<!-- end: NAME -->` from the pages of results/.

    python -m tools.readme_tables            # writes README.md
    python -m tools.readme_tables --check    # exit code 1 if it would change

Each block is a table of a committed page with the notes that belong to it, to the letter; `full-budget` is the table of
results/full_budget.yaml, which has no page.
"""

from __future__ import annotations

import argparse
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
LEADERBOARD, CLAIMS = RESULTS / "micro" / "README.md", RESULTS / "README.md"
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
    blocks = section(experiment, Setting("micro-1"), Shelf([RESULTS / "records", RESULTS / "micro"])).blocks
    _, _, text = markdown(blocks).partition(f"- {experiment.question}\n\n")
    return text.strip()


ARITH, CODE = "## micro-arith", "## micro-code"
MARKS = (OTHER, UNCOMMITTED)
LEADERBOARD_NOTES = ("Intervals:", "rank:", "Δ vs base:")

BLOCKS: dict[str, Callable[[], str]] = {
    "run": partial(quoted, RUN, "", "| policy |"),
    "leaderboard-micro-arith": partial(quoted, LEADERBOARD, ARITH, "| rank |", MARKS),
    "leaderboard-micro-code": partial(quoted, LEADERBOARD, CODE, "| rank |", MARKS),
    "leaderboard-notes": lambda: shared_notes((ARITH, CODE), LEADERBOARD_NOTES),
    "cost-micro-arith": partial(quoted, LEADERBOARD, ARITH, "| method | samples |"),
    "cost-micro-code": partial(quoted, LEADERBOARD, CODE, "| method | samples |"),
    "orders": partial(quoted, CLAIMS, "## The paper's order of methods", "| after - before |", ("paper:", "sdzero after SRT:")),
    "full-budget": full_budget,
}


def filled(text: str) -> str:
    """The text with every block regenerated. Raises `ValueError` for a block without markers."""
    for name, block in BLOCKS.items():
        marked = re.compile(rf"(<!-- begin: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
        if not marked.search(text):
            raise ValueError(f"README.md has no markers for {name!r}")
        content = block()
        text = marked.sub(partial(_around, content), text)
    return text


def _around(content: str, markers: re.Match[str]) -> str:
    return f"{markers[1]}{content}\n{markers[2]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = filled(before)
    if parser.parse_args().check:
        return int(before != after)
    readme.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
